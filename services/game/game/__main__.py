"""`python -m game api|worker|migrate`. A command imports only what it runs, to stay small."""

from shared.cli import main
from shared.http.app import serve
from shared.settings import DatabaseSettings


def _api(_: list[str]) -> None:
    from game.app import create_app
    from game.settings import GameSettings

    settings = GameSettings()
    serve(create_app(settings), settings)


def _worker(_: list[str]) -> None:
    from game.worker import create

    settings = DatabaseSettings()
    serve(create(settings), settings)


def _migrate(_: list[str]) -> None:
    from shared.data.migrations import upgrade

    upgrade("game", DatabaseSettings().database_url.get_secret_value())


if __name__ == "__main__":
    main("game", {"api": _api, "worker": _worker, "migrate": _migrate})
