"""`python -m scoring api`."""

from shared.cli import main
from shared.http.app import serve


def _api(_: list[str]) -> None:
    from scoring.app import create_app
    from scoring.settings import ApiSettings

    settings = ApiSettings()
    serve(create_app(settings), settings)


main("scoring", {"api": _api})
