import asyncio

from alembic import command
from shared.migrations import migration_config
from shared.testing import scratch_database


async def test_the_migrations_make_exactly_the_tables(database_url: str) -> None:
    await asyncio.to_thread(command.check, migration_config("content", database_url))


async def test_the_migrations_can_be_taken_back(worker_id: str) -> None:
    async with scratch_database(f"content_back_{worker_id}") as url:
        config = migration_config("content", url)
        await asyncio.to_thread(command.upgrade, config, "head")
        await asyncio.to_thread(command.downgrade, config, "base")
