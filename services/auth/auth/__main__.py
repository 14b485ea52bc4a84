"""`python -m auth api|worker|migrate|seed|first-admin|rotate-keys`.

Each imports only what it runs, to keep the processes small.
"""

import asyncio
import sys

from shared.cli import main
from shared.http.app import serve
from shared.settings import DatabaseSettings


def _api(_: list[str]) -> None:
    from auth.app import create_app
    from auth.settings import ApiSettings

    settings = ApiSettings()
    serve(create_app(settings), settings)


def _worker(_: list[str]) -> None:
    from auth.settings import WorkerSettings
    from auth.worker import create

    settings = WorkerSettings()
    serve(create(settings), settings)


def _migrate(_: list[str]) -> None:
    from shared.data.migrations import upgrade

    upgrade("auth", DatabaseSettings().database_url.get_secret_value())


def _seed(_: list[str]) -> None:
    from auth.seed import seed

    asyncio.run(seed(DatabaseSettings()))


def _first_admin(_: list[str]) -> None:
    from auth.first_admin import create_from_settings
    from auth.settings import FirstAdminSettings

    sys.stdout.write(asyncio.run(create_from_settings(FirstAdminSettings())) + "\n")


def _rotate_keys(arguments: list[str]) -> None:
    from auth.settings import SigningKeySettings
    from auth.tokens.signing_keys import rotate

    if arguments not in ([], ["--at-once"]):
        sys.exit("usage: python -m auth rotate-keys [--at-once]")
    sys.stdout.write(rotate(SigningKeySettings().signing_keys_file, at_once=bool(arguments)) + "\n")


main(
    "auth",
    {
        "api": _api,
        "worker": _worker,
        "migrate": _migrate,
        "seed": _seed,
        "first-admin": _first_admin,
        "rotate-keys": _rotate_keys,
    },
)
