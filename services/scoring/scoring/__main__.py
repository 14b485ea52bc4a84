"""`python -m scoring api`."""

from shared.app import main, serve


def _api(_: list[str]) -> None:
    from scoring.app import create_app
    from scoring.settings import ScoringSettings

    settings = ScoringSettings()
    serve(create_app(settings), settings)


main("scoring", {"api": _api})
