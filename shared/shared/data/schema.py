"""The version of a service's tables: the number of the last migration, with which its file's name starts."""

import asyncio
import time
from contextlib import suppress
from importlib.resources import files

import structlog
from sqlalchemy import text

from shared.data.db import Database, create_engine
from shared.data.db_errors import DatabaseUnavailable, find_refusal
from shared.errors import CannotStart

log = structlog.get_logger(__name__)

EMPTY_VERSION = "0000"
MAX_WAIT_SECONDS = 600.0
POLL_SECONDS = 1.0


def get_expected_version(package: str) -> str:
    """Return the migration that this version of a service needs. Raises CannotStart without any."""
    folder = files(package) / "migrations" / "versions"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".py")] if folder.is_dir() else []
    if not names:
        raise CannotStart(f"the migrations of {package} are missing; build the image again")
    return max(name[: len(EMPTY_VERSION)] for name in names)


async def find_version(url: str) -> str:
    """Return the last migration of a database. Raises DatabaseUnavailable, or CannotStart if it refuses."""
    database = Database(create_engine(url, name="schema", pool_size=1))
    try:
        async with database.transaction() as session:
            if await session.scalar(text("SELECT to_regclass('alembic_version') IS NULL")):
                return EMPTY_VERSION
            return await session.scalar(text("SELECT max(version_num) FROM alembic_version")) or EMPTY_VERSION
    except Exception as error:
        if refusal := find_refusal(error):
            raise CannotStart(f"PostgreSQL refuses DATABASE_URL: {refusal}; correct the variable") from None
        raise
    finally:
        await database.close()


async def find_gap(package: str, url: str) -> str | None:
    """Describe the missing migrations. A newer schema is accepted. Raises DatabaseUnavailable."""
    expected, actual = get_expected_version(package), await find_version(url)
    if actual >= expected:
        return None
    return (
        f"its database has migration {actual} and this version needs {expected}; "
        f"run `python -m {package} migrate` first"
    )


def ensure_current(package: str, url: str) -> None:
    """Raise CannotStart if the schema is behind. If the database does not respond, do nothing."""
    with suppress(DatabaseUnavailable):
        if gap := asyncio.run(find_gap(package, url)):
            raise CannotStart(gap)


def wait_for_schema(package: str, url: str, *, seconds: float = MAX_WAIT_SECONDS) -> None:
    """Return once the database has this version's tables. Raises CannotStart on timeout."""
    asyncio.run(_wait(package, url, time.monotonic() + seconds))


async def _wait(package: str, url: str, end: float) -> None:
    last = None
    while gap := await _find_reason(package, url):
        if time.monotonic() >= end:
            raise CannotStart(gap)
        if gap != last:
            log.info("waiting_for_schema", reason=gap)
            last = gap
        await asyncio.sleep(POLL_SECONDS)


async def _find_reason(package: str, url: str) -> str | None:
    try:
        return await find_gap(package, url)
    except DatabaseUnavailable:
        return "PostgreSQL does not answer"
