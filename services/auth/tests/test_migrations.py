import asyncio

import asyncpg
from alembic import command
from shared.data.migrations import create_migration_config
from shared.testing import create_scratch_database


async def test_the_migrations_create_exactly_the_tables(database_url: str) -> None:
    await asyncio.to_thread(command.check, create_migration_config("auth", database_url))


async def test_a_downgrade_keeps_accounts_without_an_address(worker_id: str) -> None:
    async with create_scratch_database(f"auth_back_{worker_id}") as url:
        config = create_migration_config("auth", url)
        await asyncio.to_thread(command.upgrade, config, "head")
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        await connection.execute("INSERT INTO users (name) VALUES ('Ada'), ('Grace')")
        await asyncio.to_thread(command.downgrade, config, "0004-1")
        emails = await connection.fetch("SELECT DISTINCT email, email_key FROM users")
        await asyncio.to_thread(command.upgrade, config, "head")
        await connection.close()
    assert len(emails) == 2
