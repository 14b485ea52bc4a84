import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from shared.data import cache as module
from shared.data.cache import Cache, CacheUnavailable, cache_query
from shared.data.db import Database
from sqlalchemy.ext.asyncio import AsyncSession

NOWHERE = "redis://127.0.0.1:1/0"

type Replica = Callable[[], Cache]


def count_reads(outcome: str, name: str = "x") -> float:
    return REGISTRY.get_sample_value("cache_reads_total", {"cache": name, "outcome": outcome}) or 0.0


class Source:
    """The cached source: a value that can be changed. Each read takes `seconds`."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.value, self.times, self.seconds = b"old", 0, seconds

    async def read(self) -> bytes:
        self.times += 1
        value = self.value
        await asyncio.sleep(self.seconds)
        return value


@pytest.fixture
async def replica(base_settings: dict[str, Any]) -> AsyncIterator[Replica]:
    """Make caches as the replicas of one service have them: separate connections to one Redis."""
    caches: list[Cache] = []
    service = uuid4().hex

    def make() -> Cache:
        caches.append(Cache(base_settings["redis_url"].get_secret_value(), service=service))
        return caches[-1]

    yield make
    for cache in caches:
        await cache.close()


async def test_a_value_is_cached_for_all_replicas(replica: Replica) -> None:
    source, hits, misses = Source(), count_reads("hit"), count_reads("miss")
    for cache in (replica(), replica()):
        assert [await cache.get("x:1", source.read) for _ in range(3)] == [b"old"] * 3
    assert source.times == 1
    assert (count_reads("hit") - hits, count_reads("miss") - misses) == (5, 1)


async def test_an_invalidated_value_is_read_again(replica: Replica) -> None:
    source, one, other = Source(), replica(), replica()
    await one.get("x", source.read)
    source.value = b"new"
    assert await other.get("x", source.read) == b"old"
    await one.invalidate("x")
    assert [await cache.get("x", source.read) for cache in (one, other)] == [b"new", b"new"]


async def test_a_value_read_before_an_invalidation_is_not_cached(replica: Replica) -> None:
    source, one, other = Source(seconds=0.05), replica(), replica()
    reading = asyncio.create_task(one.get("x", source.read))
    while not source.times:  # noqa: ASYNC110 - the concurrent read sets no event
        await asyncio.sleep(0.001)
    source.value = b"new"
    await other.invalidate("x")
    assert await reading == b"old"
    assert [await cache.get("x", source.read) for cache in (one, other)] == [b"new", b"new"]


async def test_a_caller_after_an_invalidation_does_not_share_an_earlier_read(replica: Replica) -> None:
    source, cache = Source(seconds=0.05), replica()
    reading = asyncio.create_task(cache.get("x", source.read))
    while not source.times:  # noqa: ASYNC110 - the concurrent read sets no event
        await asyncio.sleep(0.001)
    source.value = b"new"
    await cache.invalidate("x")
    assert await cache.get("x", source.read) == b"new"
    assert await reading == b"old"


async def test_a_cached_value_expires(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TTL_SECONDS", 0.05)
    source, cache = Source(), replica()
    await cache.get("x", source.read)
    source.value = b"new"
    await asyncio.sleep(0.1)
    assert await cache.get("x", source.read) == b"new"


async def test_a_lease_of_a_dead_reader_expires(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_TTL_SECONDS", 0.05)
    source, lease = Source(), module.LEASE + b"of the dead"
    assert await replica()._get_or_lease("x", lease) == lease
    await asyncio.sleep(0.1)
    cache = replica()
    assert [await cache.get("x", source.read) for _ in range(2)] == [b"old"] * 2
    assert source.times == 1


async def test_a_replica_that_reads_during_an_invalidation_does_not_overwrite_the_new_value(
    replica: Replica,
) -> None:
    slow, fast = Source(seconds=0.08), Source()
    one, other = replica(), replica()
    reading = asyncio.create_task(one.get("x", slow.read))
    while not slow.times:  # noqa: ASYNC110 - the concurrent read sets no event
        await asyncio.sleep(0.001)
    fast.value = b"new"
    await other.invalidate("x")
    assert await other.get("x", fast.read) == b"new"
    await reading
    assert await one.get("x", fast.read) == b"new"


async def test_concurrent_callers_share_one_read(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long limits, so that only the number of reads is tested, even on a busy machine.
    monkeypatch.setattr(module, "LEASE_WAIT_SECONDS", 5.0)
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 5.0)
    source, caches = Source(seconds=0.03), [replica(), replica()]
    values = await asyncio.gather(*(cache.get("x", source.read) for cache in caches for _ in range(50)))
    assert set(values) == {b"old"}
    assert source.times == 1


async def test_a_caller_that_times_out_waiting_for_a_lease_reads_the_source(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_WAIT_SECONDS", 0.02)
    slow, fast = Source(seconds=0.5), Source()
    reading = asyncio.create_task(replica().get("x", slow.read))
    while not slow.times:  # noqa: ASYNC110 - the concurrent read sets no event
        await asyncio.sleep(0.001)
    assert await replica().get("x", fast.read) == b"old"
    assert not reading.done()
    await reading


async def test_an_error_is_raised_to_all_waiting_callers_and_not_cached(replica: Replica) -> None:
    cache, source = replica(), Source()

    async def fail() -> bytes:
        await asyncio.sleep(0.01)
        raise LookupError

    outcomes = await asyncio.gather(*(cache.get("x", fail) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LookupError] * 3
    # The lease is released, so that the next value is cached.
    assert [await cache.get("x", source.read) for _ in range(2)] == [b"old"] * 2
    assert source.times == 1


async def test_the_next_caller_reads_when_the_first_one_is_cancelled(replica: Replica) -> None:
    cache, source = replica(), Source(seconds=0.3)
    first = asyncio.create_task(cache.get("x", source.read))
    while not source.times:  # noqa: ASYNC110 - the concurrent read sets no event
        await asyncio.sleep(0.001)
    second = asyncio.create_task(cache.get("x", source.read))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"old"
    assert source.times == 2


async def test_a_blocked_event_loop_is_not_mistaken_for_an_unavailable_redis(replica: Replica) -> None:
    async def block_loop() -> None:
        while True:
            time.sleep(0.15)  # noqa: ASYNC251 - the loop is late on purpose
            await asyncio.sleep(0)

    source, cache = Source(), replica()
    await cache.get("x", source.read)
    blocking = asyncio.create_task(block_loop())
    assert await cache.get("x", source.read) == b"old"
    blocking.cancel()
    assert source.times == 1


async def test_without_redis_every_value_is_read_from_its_source() -> None:
    cache, source, bypassed = Cache(NOWHERE, service="s"), Source(), count_reads("bypassed")
    assert await cache.get("x", source.read) == b"old"
    source.value = b"new"
    assert await cache.get("x", source.read) == b"new"
    assert count_reads("bypassed") - bypassed == 2
    with pytest.raises(CacheUnavailable):
        await cache.invalidate("x")
    await cache.close()


@pytest.mark.timed
async def test_a_redis_that_hangs_delays_few_reads(silent_server: Any) -> None:
    cache, source = Cache(f"redis://127.0.0.1:{silent_server.port}/0", service="s"), Source()
    started = time.monotonic()
    for _ in range(200):
        await cache.get("x", source.read)
    # If every read waited, they would take twenty seconds.
    assert time.monotonic() - started < 5
    assert source.times == 200
    assert silent_server.accepted < 10
    # Of many concurrent reads, one probes Redis.
    await asyncio.sleep(module.CIRCUIT_RESET_SECONDS)
    before = silent_server.accepted
    await asyncio.gather(*(cache.get(f"x:{get_number}", source.read) for get_number in range(50)))
    assert silent_server.accepted - before < 10
    await cache.close()


async def test_redis_is_used_again_after_it_recovers(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CIRCUIT_RESET_SECONDS", 0.0)
    cache, source, working = replica(), Source(), replica()
    monkeypatch.setattr(cache, "_redis", Cache(NOWHERE, service="s")._redis)
    await cache.get("x", source.read)
    monkeypatch.setattr(cache, "_redis", working._redis)
    await cache.get("x", source.read)
    await cache.get("x", source.read)
    assert source.times == 2


async def test_the_results_of_a_query_are_cached(replica: Replica, database: Database) -> None:
    calls: list[int] = []

    async def list_squares(_: object, most: int) -> list[int]:
        calls.append(most)
        return [get_number * get_number for get_number in range(most)]

    cached_query, cache = cache_query("squares", list[int])(list_squares), replica()
    async with database.transaction() as session:
        assert [await cached_query(cache, session, most) for most in (3, 3, 4)] == [
            [0, 1, 4],
            [0, 1, 4],
            [0, 1, 4, 9],
        ]
        assert calls == [3, 4]
        assert (
            await cache.get(cached_query.build_key(3), fail_on_read)
            == json.dumps([0, 1, 4], separators=(",", ":")).encode()
        )


async def fail_on_read() -> bytes:
    raise AssertionError


async def test_a_cached_value_of_another_version_is_read_again(replica: Replica, database: Database) -> None:
    async def get_number(_: AsyncSession) -> int:
        return 7

    async def read_another_version() -> bytes:
        return b'{"number": 7}'

    cache, query = replica(), cache_query("number", int)(get_number)
    await cache.get(query.build_key(), read_another_version)
    async with database.transaction() as session:
        assert await query(cache, session) == 7
