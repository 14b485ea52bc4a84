"""A process starts only on tables of its version, or of a newer one."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from shared.data.db_errors import DatabaseUnavailable
from shared.data.migrations import upgrade
from shared.data.schema import ensure_current, find_version, wait_for_schema
from shared.errors import CannotStart
from shared.testing import create_scratch_database
from sqlalchemy import make_url

NOWHERE = "postgresql+asyncpg://demo:secret@127.0.0.1:1/demo"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A service with two migrations."""
    folder = tmp_path / "versioned" / "migrations" / "versions"
    folder.mkdir(parents=True)
    for name in ("versioned/__init__.py", "versioned/migrations/versions/0001_tables.py"):
        (tmp_path / name).touch()
    (folder / "0002_columns.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    # The previous test has imported the package of its own folder.
    monkeypatch.delitem(sys.modules, "versioned", raising=False)
    return "versioned"


@pytest.fixture
async def url(worker_id: str) -> AsyncIterator[str]:
    async with create_scratch_database(f"schema_{worker_id}") as url:
        yield url


async def set_version(url: str, version: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
    await connection.execute("TRUNCATE alembic_version")
    await connection.execute("INSERT INTO alembic_version VALUES ($1)", version)
    await connection.close()


async def test_an_old_schema_prevents_the_start_and_both_versions_are_named(package: str, url: str) -> None:
    with pytest.raises(
        CannotStart, match="migration 0000 and this version needs 0002; run `python -m versioned"
    ):
        await asyncio.to_thread(ensure_current, package, url)
    await set_version(url, "0001")
    with pytest.raises(CannotStart, match="migration 0001 and this version needs 0002"):
        await asyncio.to_thread(ensure_current, package, url)


@pytest.mark.parametrize("version", ["0002", "0003"])
async def test_this_version_and_a_newer_one_are_accepted(package: str, url: str, version: str) -> None:
    await set_version(url, version)
    await asyncio.to_thread(ensure_current, package, url)
    await asyncio.to_thread(wait_for_schema, package, url, seconds=0)
    assert await find_version(url) == version


async def test_the_wait_ends_when_the_migration_has_run(package: str, url: str) -> None:
    await set_version(url, "0001")
    is_migrated = threading.Event()

    def wait() -> None:
        wait_for_schema(package, url, seconds=30)
        is_migrated.set()

    waiting = asyncio.create_task(asyncio.to_thread(wait))
    await asyncio.sleep(0.5)
    assert not is_migrated.is_set()
    await set_version(url, "0002")
    await waiting


async def test_the_wait_has_a_time_limit(package: str, url: str) -> None:
    with pytest.raises(CannotStart, match="needs 0002"):
        await asyncio.to_thread(wait_for_schema, package, url, seconds=0)
    with pytest.raises(CannotStart, match="PostgreSQL does not answer"):
        await asyncio.to_thread(wait_for_schema, package, NOWHERE, seconds=0)


async def test_an_unavailable_database_does_not_prevent_the_start(package: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        await find_version(NOWHERE)
    await asyncio.to_thread(ensure_current, package, NOWHERE)


async def test_a_refused_database_or_password_prevents_the_start(package: str, url: str) -> None:
    with pytest.raises(CannotStart, match=r'refuses DATABASE_URL: database "none" does not exist; correct'):
        await asyncio.to_thread(ensure_current, package, url.rpartition("/")[0] + "/none")
    wrong = make_url(url).set(password="wrong").render_as_string(hide_password=False)
    with pytest.raises(CannotStart, match="refuses DATABASE_URL: password authentication failed"):
        await asyncio.to_thread(upgrade, package, wrong)


def test_an_image_without_migrations_is_reported(package: str, tmp_path: Path) -> None:
    for file in (tmp_path / package / "migrations" / "versions").iterdir():
        file.unlink()
    with pytest.raises(CannotStart, match="the migrations of versioned are missing; build the image again"):
        ensure_current(package, NOWHERE)
    with pytest.raises(CannotStart, match="the migrations of versioned are missing; build the image again"):
        upgrade(package, NOWHERE)
