"""Servers that accept connections and bytes and never respond: no request waits longer than two seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from shared.data.db import Database, create_engine
from shared.data.db_errors import DatabaseUnavailable
from shared.http.app import create_api
from shared.testing import api_client, create_scratch_database
from sqlalchemy import text

from tests.shared.http.demo import read_problem, router
from tests.shared.proxy import Proxy, run_proxy

pytestmark = pytest.mark.timed

LIMIT_SECONDS = 2.0


@pytest.fixture(scope="module")
async def url(worker_id: str) -> AsyncIterator[str]:
    async with create_scratch_database(f"silent_{worker_id}") as url:
        yield url


@pytest.fixture
async def stalled(url: str) -> AsyncIterator[tuple[Proxy, Database]]:
    """A proxy, and a database behind it with two connections in its pool."""
    async with run_proxy(url) as (proxy, proxy_url):
        database = Database(create_engine(proxy_url, name="tests", pool_size=2, max_overflow=0))
        await asyncio.gather(read(database), read(database), fetch(database))
        yield proxy, database
        await database.close()


async def read(database: Database) -> int:
    async with database.transaction() as session:
        return int((await session.execute(text("SELECT 1"))).scalar_one())


async def fetch(database: Database) -> int:
    [row] = await database.fetch("SELECT 1 AS one")
    return int(row["one"])


async def measure_until_unavailable(work: Any) -> float:
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await work
    return time.monotonic() - started


async def test_more_requests_than_connections_are_refused_in_time(stalled: tuple[Proxy, Database]) -> None:
    proxy, database = stalled
    proxy.stall()
    waits = [measure_until_unavailable(work(database)) for work in (read, fetch) * 5]
    assert max(await asyncio.gather(*waits)) < LIMIT_SECONDS
    # Later requests do not wait at all.
    assert await measure_until_unavailable(read(database)) < 0.1


async def test_consecutive_requests_are_refused_in_time(
    stalled: tuple[Proxy, Database],
) -> None:
    proxy, database = stalled
    proxy.stall()

    async def arrive(after: float) -> float:
        await asyncio.sleep(after)
        return await measure_until_unavailable((read, fetch)[int(after * 10) % 2](database))

    waits = await asyncio.gather(*(arrive(number / 10) for number in range(50)))
    assert max(waits) < LIMIT_SECONDS


async def test_the_database_is_used_again_after_the_circuit_closes(stalled: tuple[Proxy, Database]) -> None:
    proxy, database = stalled
    proxy.stall()
    await measure_until_unavailable(read(database))
    proxy.resume()
    await asyncio.sleep(1.1)
    assert sum(await asyncio.gather(read(database), fetch(database), read(database))) == 3


async def test_a_commit_without_a_response_fails_in_time(stalled: tuple[Proxy, Database]) -> None:
    proxy, database = stalled
    started = time.monotonic()
    transaction = database.transaction()
    session = await transaction.__aenter__()
    await session.execute(text("SELECT 1"))
    proxy.stall()
    with pytest.raises(DatabaseUnavailable):
        await transaction.__aexit__(None, None, None)
    await database.close()
    assert time.monotonic() - started < 2 * LIMIT_SECONDS


async def test_a_long_transaction_survives_a_short_silence(stalled: tuple[Proxy, Database]) -> None:
    proxy, database = stalled
    async with database.transaction(is_long=True) as session:
        await session.execute(text("CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT 1 AS one"))
        proxy.stall()
        # Others are refused in time, and their connections are ended.
        waiting = asyncio.create_task(session.scalar(text("SELECT one FROM kept")))
        assert await measure_until_unavailable(read(database)) < LIMIT_SECONDS
        proxy.resume()
        assert await waiting == 1
    await asyncio.sleep(1.1)
    assert await read(database) == 1


async def test_a_connection_is_exempt_only_during_its_long_transaction(
    stalled: tuple[Proxy, Database],
) -> None:
    proxy, database = stalled
    async with database.transaction(is_long=True) as session:
        await session.execute(text("SELECT 1"))
    proxy.stall()
    waits = [measure_until_unavailable(read(database)) for _ in range(2)]
    assert max(await asyncio.gather(*waits)) < LIMIT_SECONDS


async def test_a_slow_statement_is_not_ended(stalled: tuple[Proxy, Database]) -> None:
    _, database = stalled
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT 1 FROM pg_sleep(3)"))).scalar_one() == 1


async def test_a_blocked_event_loop_is_not_mistaken_for_an_unresponsive_database(
    stalled: tuple[Proxy, Database],
) -> None:
    _, database = stalled

    async def block() -> None:
        for _ in range(6):
            await asyncio.sleep(0.2)
            time.sleep(0.6)  # noqa: ASYNC251 - it simulates work that blocks the loop

    async def wait() -> int:
        async with database.transaction() as session:
            return int((await session.execute(text("SELECT 1 FROM pg_sleep(2)"))).scalar_one())

    assert (await asyncio.gather(wait(), block()))[0] == 1


async def test_a_request_gets_a_503_in_time(settings: Any, url: str) -> None:
    async with (
        run_proxy(url) as (proxy, proxy_url),
        api_client(app := create_api(settings, router, title="Test")) as client,
    ):
        await app.state.database.close()
        app.state.database = Database(create_engine(proxy_url, name="tests"))
        assert (await client.get("/row")).json() == 7
        proxy.stall()
        started = time.monotonic()
        response = await client.get("/row")
        read_problem(response, status=503, code="database_unavailable")
        assert time.monotonic() - started < LIMIT_SECONDS
