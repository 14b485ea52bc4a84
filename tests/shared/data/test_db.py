"""Reads straight from the driver, on a real pool."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from shared.data.db import Database, create_engine
from shared.data.db_errors import DatabaseUnavailable
from shared.testing import create_scratch_database
from sqlalchemy import text

BACKEND = "SELECT pg_backend_pid() AS pid"


@pytest.fixture(scope="module")
async def url(worker_id: str) -> AsyncIterator[str]:
    async with create_scratch_database(f"fetch_{worker_id}") as url:
        yield url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Two connections, one of which may fetch."""
    database = Database(create_engine(url, name="tests", pool_size=2, max_overflow=0), max_fetches=1)
    yield database
    await database.close()


async def fetch_pid(database: Database) -> int:
    [row] = await database.fetch(BACKEND)
    pid: int = row["pid"]
    return pid


async def test_each_fetch_has_its_own_transaction(database: Database) -> None:
    [first], [second] = [await database.fetch("SELECT $1::int + 1 AS sum, now() AS at", 41) for _ in range(2)]
    assert first["sum"] == 42
    assert first["at"] < second["at"]


async def test_a_connection_is_reused(database: Database) -> None:
    assert await fetch_pid(database) == await fetch_pid(database)


async def test_a_statement_that_fails_keeps_its_connection(database: Database) -> None:
    before = await fetch_pid(database)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.fetch("SELECT 1 / 0")
    assert await fetch_pid(database) == before


async def test_a_broken_connection_is_not_reused(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
        # The session holds one connection of the two, so the fetches share the other.
        broken = await fetch_pid(database)
        await session.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": broken})
        with pytest.raises(DatabaseUnavailable):
            await database.fetch(BACKEND)
        assert await fetch_pid(database) != broken


async def test_a_refused_connection_is_reported_as_unavailable() -> None:
    unreachable = Database(create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", name="tests"))
    with pytest.raises(DatabaseUnavailable):
        await unreachable.fetch("SELECT 1")
    await unreachable.close()


async def test_callers_get_connections_in_order(database: Database) -> None:
    order: list[int] = []

    async def read(number: int) -> None:
        for _ in range(20):
            await database.fetch("SELECT 1")
            order.append(number)

    await asyncio.gather(*(read(number) for number in range(4)))
    # In order, each caller has one turn in every four.
    assert all(len(set(order[first : first + 4])) == 4 for first in range(0, len(order), 4))


async def test_a_connection_whose_begin_failed_is_not_reused(url: str) -> None:
    engine = create_engine(url, name="tests", pool_size=1, max_overflow=0)
    database = Database(engine)
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver
        # The driver's state after a BEGIN that ended with a statement timeout.
        driver._top_xact = driver.transaction()

    with pytest.raises(DatabaseUnavailable):
        await database.ping()
    await database.ping()
    await database.close()
