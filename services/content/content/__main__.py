"""`python -m content api|worker|migrate|seed`."""

import asyncio

from shared.cli import main
from shared.http.app import serve

from content.settings import ContentSettings


def api(_: list[str]) -> None:
    from content.app import create_app

    settings = ContentSettings()
    serve(create_app(settings), settings)


def worker(_: list[str]) -> None:
    from content.worker import create

    settings = ContentSettings()
    serve(create(settings), settings)


def migrate(_: list[str]) -> None:
    from shared.data.migrations import upgrade

    upgrade("content", ContentSettings().database_url.get_secret_value())


def seed(arguments: list[str]) -> None:
    from content.seed import folder_of, seed

    asyncio.run(seed(ContentSettings(), folder_of(arguments)))


if __name__ == "__main__":
    main("content", {"api": api, "worker": worker, "migrate": migrate, "seed": seed})
