"""`python -m game api|worker|migrate`. A command imports only what it runs, to stay small."""

from shared.app import main, serve


def _api(_: list[str]) -> None:
    from game.app import create_app
    from game.settings import ApiSettings

    settings = ApiSettings()
    serve(create_app(settings), settings)


def _worker(_: list[str]) -> None:
    from game.settings import WorkerSettings
    from game.worker import create_worker

    settings = WorkerSettings()
    serve(create_worker(settings), settings)


def _migrate(_: list[str]) -> None:
    from shared.data.migrations import upgrade

    from game.settings import MigrateSettings

    upgrade("game", MigrateSettings().database_url.get_secret_value())


if __name__ == "__main__":
    main("game", {"api": _api, "worker": _worker, "migrate": _migrate})
