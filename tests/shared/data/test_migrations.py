"""Migrations run while the system is used: they block no request for long, and are repeated."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from shared.data import migrations
from shared.data.db_errors import DatabaseUnavailable
from shared.data.migrations import upgrade
from shared.errors import CannotStart
from shared.testing import create_scratch_database

LOCK_TIMEOUT_SECONDS = 1.0
ENVIRONMENT = """
from shared.data.migrations import run
from sqlalchemy import MetaData
run(MetaData())
"""
MIGRATION = """
from alembic import op
revision, down_revision, branch_labels, depends_on = {revision!r}, {previous!r}, None, None
def upgrade():
    {upgrade}
"""
STEPS = (
    "op.execute('CREATE TABLE things (number int)')",
    "op.execute('ALTER TABLE things ADD COLUMN name text')",
    """with op.get_context().autocommit_block():
        op.execute('CREATE INDEX CONCURRENTLY ix_things_number ON things (number)')""",
)
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def add_steps(folder: Path, count: int) -> None:
    """Give the package its first `count` migrations."""
    for number, step in enumerate(STEPS[:count], 1):
        previous = f"{number - 1:04}" if number > 1 else None
        text = MIGRATION.format(revision=f"{number:04}", previous=previous, upgrade=step)
        (folder / "stored" / "migrations" / "versions" / f"{number:04}_step.py").write_text(text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a package `stored`, which has one migration."""
    (tmp_path / "stored" / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "stored" / "migrations" / "env.py").write_text(ENVIRONMENT)
    (tmp_path / "stored" / "__init__.py").touch()
    add_steps(tmp_path, 1)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stored", raising=False)
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_SECONDS", LOCK_TIMEOUT_SECONDS)
    monkeypatch.setattr(migrations, "RETRY_PAUSES_SECONDS", (0.1,) * 50)
    return tmp_path


@pytest.fixture
async def url(folder: Path, worker_id: str) -> AsyncIterator[str]:
    """A database with the first migration of the package."""
    async with create_scratch_database(f"stored_{worker_id}") as url:
        await asyncio.to_thread(upgrade, "stored", url)
        yield url


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def keep_reading(url: str) -> AsyncIterator[None]:
    """Read the table in a transaction that stays open while the block runs."""
    async with connect(url) as reader, reader.transaction():
        await reader.fetch("SELECT * FROM things")
        yield


async def wait_for_waiting(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(10):
        while not await connection.fetchval(WAITING):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


@pytest.mark.timed
async def test_a_migration_that_waits_for_a_lock_does_not_block_requests_and_is_retried(
    folder: Path, url: str
) -> None:
    add_steps(folder, 2)
    async with connect(url) as client:
        async with keep_reading(url):
            migrating = asyncio.create_task(asyncio.to_thread(upgrade, "stored", url))
            await wait_for_waiting(client)
            # It queues behind the migration, which has not got its lock yet.
            await asyncio.wait_for(client.execute("INSERT INTO things VALUES (1)"), LOCK_TIMEOUT_SECONDS + 1)
            assert not migrating.done()
        await migrating
        assert await client.fetchval("SELECT count(name) FROM things") == 0


async def test_a_migration_without_its_lock_fails_with_one_line(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_steps(folder, 2)
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(migrations, "RETRY_PAUSES_SECONDS", (0.1, 0.1))
    async with keep_reading(url):
        with pytest.raises(CannotStart, match=r"^other transactions held the locks.*again$"):
            await asyncio.to_thread(upgrade, "stored", url)
    await asyncio.to_thread(upgrade, "stored", url)


async def test_a_migration_is_rolled_back_when_its_server_stops(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = "op.execute('CREATE TABLE half ()'); op.execute('SELECT pg_terminate_backend(pg_backend_pid())')"
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules[__name__], "STEPS", (STEPS[0], steps))
        add_steps(folder, 2)
    with pytest.raises(DatabaseUnavailable):
        await asyncio.to_thread(upgrade, "stored", url)
    async with connect(url) as client:
        assert await client.fetchval("SELECT to_regclass('half') IS NULL")
    add_steps(folder, 2)
    await asyncio.to_thread(upgrade, "stored", url)


async def test_an_index_that_is_built_concurrently_may_wait_without_a_limit(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_steps(folder, 2)
    await asyncio.to_thread(upgrade, "stored", url)
    add_steps(folder, 3)
    monkeypatch.setattr(migrations, "RETRY_PAUSES_SECONDS", (0,))
    async with keep_reading(url):
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, "stored", url))
        await asyncio.sleep(LOCK_TIMEOUT_SECONDS + 0.5)
        assert not migrating.done()
    await migrating
    async with connect(url) as client:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_things_number'::regclass"
        assert await client.fetchval(valid)


async def test_an_earlier_version_does_not_change_a_later_schema(folder: Path, url: str) -> None:
    add_steps(folder, 2)
    await asyncio.to_thread(upgrade, "stored", url)
    (folder / "stored" / "migrations" / "versions" / "0002_step.py").unlink()
    await asyncio.to_thread(upgrade, "stored", url)
    async with connect(url) as client:
        assert await client.fetchval("SELECT version_num FROM alembic_version") == "0002"
