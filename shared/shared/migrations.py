"""Alembic, the same for every service: `migrations/env.py` only calls `run` with the service's tables."""

import asyncio
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData

from shared.db import engine_for


def migration_config(package: str, url: str) -> Config:
    """Alembic's configuration for the `migrations` folder inside a service's package."""
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(package: str, url: str) -> None:
    """Bring a service's database to the newest version of its schema."""
    command.upgrade(migration_config(package, url), "head")


def run(metadata: MetaData) -> None:
    """Apply the migrations in one transaction, one process at a time."""
    if (connection := context.config.attributes.get("connection")) is not None:
        _migrate(connection, metadata)
    else:
        asyncio.run(_connect(metadata))


async def _connect(metadata: MetaData) -> None:
    url = context.config.attributes["url"]
    engine = engine_for(url, name="migrations")
    async with engine.begin() as connection:
        await connection.run_sync(_migrate, metadata)
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    # Replicas that start together would otherwise race to create the same tables.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7275627)")
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()
