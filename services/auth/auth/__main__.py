"""`python -m auth api|worker|migrate|seed`. Each imports only what it runs, to keep the processes small."""

import asyncio

from shared.app import main, serve
from shared.settings import DatabaseSettings


def _api(_: list[str]) -> None:
    from auth.app import create_app
    from auth.settings import AuthSettings

    settings = AuthSettings()
    serve(create_app(settings), settings)


def _worker(_: list[str]) -> None:
    from auth.worker import create

    settings = DatabaseSettings()
    serve(create(settings), settings)


def _migrate(_: list[str]) -> None:
    from shared.migrations import upgrade

    upgrade("auth", DatabaseSettings().database_url.get_secret_value())


def _seed(_: list[str]) -> None:
    from auth.seed import seed

    asyncio.run(seed(DatabaseSettings()))


main("auth", {"api": _api, "worker": _worker, "migrate": _migrate, "seed": _seed})
