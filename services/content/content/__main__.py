"""`python -m content api|worker|migrate|seed`."""

import asyncio

from shared.app import main, serve


def api(_: list[str]) -> None:
    from content.app import create_app
    from content.settings import ApiSettings

    settings = ApiSettings()
    serve(create_app(settings), settings)


def worker(_: list[str]) -> None:
    from content.settings import WorkerSettings
    from content.worker import create_worker

    settings = WorkerSettings()
    serve(create_worker(settings), settings)


def migrate(_: list[str]) -> None:
    from shared.migrations import upgrade

    from content.settings import MigrateSettings

    upgrade("content", MigrateSettings().database_url.get_secret_value())


def seed(arguments: list[str]) -> None:
    from content.seed import parse_folder, seed
    from content.settings import SeedSettings

    asyncio.run(seed(SeedSettings(), parse_folder(arguments)))


if __name__ == "__main__":
    main("content", {"api": api, "worker": worker, "migrate": migrate, "seed": seed})
