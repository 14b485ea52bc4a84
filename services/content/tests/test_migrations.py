import asyncio

from alembic import command
from shared.data.db import create_engine
from shared.data.migrations import create_migration_config, upgrade
from shared.testing import create_scratch_database
from sqlalchemy import text

OLD_SPEECHES = """
    INSERT INTO speeches (text, level, type, audio_key, duration_ms)
    SELECT each, 'A1', 'answer', 'seed/a.mp3', 1
    FROM unnest(ARRAY['Two trains.', 'A bus.', 'The train.']) AS each
"""


async def test_the_migrations_create_exactly_the_tables(database_url: str) -> None:
    await asyncio.to_thread(command.check, create_migration_config("content", database_url))


async def test_the_migrations_can_be_downgraded(worker_id: str) -> None:
    async with create_scratch_database(f"content_back_{worker_id}") as url:
        config = create_migration_config("content", url)
        await asyncio.to_thread(command.upgrade, config, "head")
        await asyncio.to_thread(command.downgrade, config, "base")


async def test_existing_speeches_can_be_searched_after_the_migration(worker_id: str) -> None:
    async with create_scratch_database(f"content_filled_{worker_id}") as url:
        config = create_migration_config("content", url)
        await asyncio.to_thread(command.upgrade, config, "0001")
        engine = create_engine(url, name="tests")
        async with engine.begin() as connection:
            await connection.execute(text(OLD_SPEECHES))
        await asyncio.to_thread(upgrade, "content", url)
        async with engine.connect() as connection:
            numbers = await connection.scalars(text("SELECT number FROM speeches WHERE search @@ 'train'"))
            assert sorted(numbers) == [1, 3]
            invalid = await connection.scalars(text("SELECT indexrelid FROM pg_index WHERE NOT indisvalid"))
            assert list(invalid) == []
        await engine.dispose()


async def test_a_replica_waits_while_another_migrates(worker_id: str) -> None:
    async with create_scratch_database(f"content_turns_{worker_id}") as url:
        engine = create_engine(url, name="tests")
        async with engine.connect() as other:
            await other.execute(text("SELECT pg_advisory_lock(7275627)"))
            waiting = asyncio.create_task(asyncio.to_thread(upgrade, "content", url))
            done, _ = await asyncio.wait({waiting}, timeout=0.5)
            assert not done
        await engine.dispose()
        await waiting


async def test_messages_in_the_outbox_are_due_after_the_migration(worker_id: str) -> None:
    async with create_scratch_database(f"content_outbox_{worker_id}") as url:
        config = create_migration_config("content", url)
        await asyncio.to_thread(command.upgrade, config, "0003")
        engine = create_engine(url, name="tests")
        insert = (
            "INSERT INTO outbox (id, type, body) VALUES (uuidv7(), 'parley.content.tag_renamed.v1', '{}')"
        )
        async with engine.begin() as connection:
            await connection.execute(text(insert))
        await asyncio.to_thread(upgrade, "content", url)
        async with engine.begin() as connection:
            # Like a worker or an API of the earlier version, which may still be running.
            await connection.execute(text(insert))
            due = await connection.scalars(text("SELECT due_at <= now() AND attempts = 0 FROM outbox"))
            assert list(due) == [True, True]
        await engine.dispose()
        await asyncio.to_thread(command.downgrade, config, "0003")


async def test_an_interrupted_migration_can_be_repeated(worker_id: str) -> None:
    async with create_scratch_database(f"content_repeated_{worker_id}") as url:
        config = create_migration_config("content", url)
        await asyncio.to_thread(upgrade, "content", url)
        # The statements before the indexes are committed before them, and the version after them.
        await asyncio.to_thread(command.stamp, config, "0004")
        await asyncio.to_thread(upgrade, "content", url)
        await asyncio.to_thread(command.check, config)
