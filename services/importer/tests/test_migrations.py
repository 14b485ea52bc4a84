import asyncio

from alembic import command
from shared.data.migrations import create_migration_config


async def test_the_migrations_create_exactly_the_tables(database_url: str) -> None:
    await asyncio.to_thread(command.check, create_migration_config("importer", database_url))
