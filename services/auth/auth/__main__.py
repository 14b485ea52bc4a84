"""`python -m auth api|worker|migrate|seed|first-admin|rotate-keys`."""

from shared.cli import main
from shared.http.app import serve


def _api(_: list[str]) -> None:
    from auth.app import create_app
    from auth.settings import ApiSettings

    settings = ApiSettings()
    serve(create_app(settings), settings)


def _worker(_: list[str]) -> None:
    from auth.settings import WorkerSettings
    from auth.worker import create_worker

    settings = WorkerSettings()
    serve(create_worker(settings), settings)


def _migrate(_: list[str]) -> None:
    from shared.data.migrations import upgrade

    from auth.settings import MigrateSettings

    upgrade("auth", MigrateSettings().database_url.get_secret_value())


def _seed(arguments: list[str]) -> None:
    from auth.seed import main

    main(arguments)


def _first_admin(arguments: list[str]) -> None:
    from auth.seed import main_first_admin

    main_first_admin(arguments)


def _rotate_keys(arguments: list[str]) -> None:
    from auth.tokens.key_rotation import main

    main(arguments)


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
