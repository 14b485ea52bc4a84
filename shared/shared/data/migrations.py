"""Alembic for all services: their `migrations/env.py` only calls `run` with the service's tables."""

import asyncio
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.data.db import create_engine


def create_migration_config(package: str, url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(package: str, url: str) -> None:
    command.upgrade(create_migration_config(package, url), "head")


def run(metadata: MetaData) -> None:
    """Apply the migrations in separate transactions, one process at a time."""
    asyncio.run(_run(metadata))


async def _run(metadata: MetaData) -> None:
    engine = create_engine(context.config.attributes["url"], name="migrations", statement_timeout_ms=0)
    async with engine.connect() as guard, engine.connect() as connection:
        await guard.execution_options(isolation_level="AUTOCOMMIT")
        await _acquire_lock(guard)
        await connection.run_sync(_migrate, metadata)
    await engine.dispose()


async def _acquire_lock(guard: AsyncConnection) -> None:
    # Replicas that start together would create the same tables. Polling holds no snapshot, unlike one waiting
    # statement: CREATE INDEX CONCURRENTLY in another replica would wait for that snapshot to end, and this
    # replica for the index.
    while not await guard.scalar(text("SELECT pg_try_advisory_lock(7275627)")):  # noqa: ASYNC110 - a lock
        await asyncio.sleep(0.2)


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
