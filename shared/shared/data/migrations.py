"""Alembic for all services: their `migrations/env.py` only calls `run` with the service's tables."""

import asyncio
import time
from contextlib import suppress
from importlib.resources import files

import structlog
from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.data.db import create_engine
from shared.data.db_errors import TransactionConflict, translate_driver_errors
from shared.data.schema import find_version, get_expected_version
from shared.errors import CannotStart

log = structlog.get_logger(__name__)

LOCK_TIMEOUT_SECONDS = 2
"""Requests queue behind a lock that a migration waits for: after this time it is rolled back."""
RETRY_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, *[15.0] * 19)
"""Five minutes in all."""

MIGRATION_LOCK = 7275627


def create_migration_config(package: str, url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(package: str, url: str) -> None:
    """Apply the missing migrations. A migration that cannot get its locks is rolled back and retried later.

    Does nothing on a database of a later version, so that an earlier one can be deployed again. Raises
    CannotStart if the locks remain unavailable, and DatabaseUnavailable.
    """
    expected = get_expected_version(package)
    if asyncio.run(find_version(url)) > expected:
        log.warning("schema_is_newer", service=package)
        return
    config = create_migration_config(package, url)
    for pause in RETRY_PAUSES_SECONDS:
        with suppress(TransactionConflict), translate_driver_errors():
            return command.upgrade(config, "head")
        log.warning("migration_retrying", seconds=pause)
        time.sleep(pause)
    raise CannotStart(
        "other transactions held the locks that a migration needs, so it was rolled back: "
        f"end long-running transactions, then run `python -m {package} migrate` again"
    )


def run(metadata: MetaData) -> None:
    """Apply the migrations in separate transactions, one process at a time."""
    asyncio.run(_run(metadata))


async def _run(metadata: MetaData) -> None:
    engine = create_engine(context.config.attributes["url"], name="migrations", statement_timeout_ms=0)
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            await guard.execution_options(isolation_level="AUTOCOMMIT")
            await _acquire_lock(guard)
            event.listen(connection.sync_connection, "begin", _limit_waits_for_locks)
            await connection.run_sync(_migrate, metadata)
    finally:
        await engine.dispose()


async def _acquire_lock(guard: AsyncConnection) -> None:
    # Replicas that start together would create the same tables. Polling holds no snapshot, unlike one waiting
    # statement: CREATE INDEX CONCURRENTLY in another replica would wait for that snapshot to end, and this
    # replica for the index.
    lock = text(f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})")
    while not await guard.scalar(lock):  # noqa: ASYNC110 - a lock
        await asyncio.sleep(0.2)


def _limit_waits_for_locks(connection: Connection) -> None:
    # Statements such as CREATE INDEX CONCURRENTLY run outside transactions and block no requests.
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
