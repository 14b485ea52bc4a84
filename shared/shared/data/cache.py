"""A Redis cache for data that is read often and rarely changes. Without Redis every read goes to its source.

list_tags = cache_query("tags", list[TagRow])(queries.list_tags)

await list_tags(cache, session)             # instead of queries.list_tags(session)
await cache.invalidate(list_tags.build_key())     # after the change is committed
"""

# On a miss the reader puts a lease under the key, reads, and replaces the lease with the value, but only if
# its lease is still there. Invalidating a key removes the lease too, so that a value read before a change is
# never stored after it. A reader that finds another's lease waits for its value, so only one reads at a time.

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any, Concatenate

import structlog
from prometheus_client import Counter
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.data.loop_time import run_within_loop_time
from shared.data.redis_errors import translate_redis_errors
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

READS = Counter("cache_reads_total", "Reads through a cache, by outcome.", ["cache", "outcome"])

TTL_SECONDS = 60.0
LEASE_TTL_SECONDS = 2.0
TIMEOUT_SECONDS = 0.1
CIRCUIT_RESET_SECONDS = 1.0
"""Pause after a Redis failure, before it is tried again."""
LEASE_WAIT_SECONDS = 0.1
LEASE_POLL_SECONDS = 0.01

LEASE, VALUE = b"L", b"V"
_STORE_IF_LEASED = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return 1
"""

type Read = Callable[[], Awaitable[bytes]]


class CacheUnavailable(Unavailable):
    """Redis cannot be reached, so it may still hold an outdated value."""

    code = "cache_unavailable"


class CacheRefused(Exception):
    """Redis rejects a command permanently."""


class Cache:
    """Bytes by key. The prefix with the service's name keeps services apart."""

    def __init__(self, url: str, *, service: str) -> None:
        # The connect timeout also limits closing, which may hang under uvloop.
        self._redis: Redis = Redis.from_url(url, socket_timeout=None, socket_connect_timeout=TIMEOUT_SECONDS)
        self._prefix = f"cache:{service}:"
        self._circuit_open_until = 0.0
        self._in_flight: dict[str, asyncio.Future[bytes]] = {}

    async def get(self, key: str, read: Read) -> bytes:
        """Return the cached value, or the result of `read`. Concurrent callers share one read."""
        while (future := self._in_flight.get(key)) is not None:
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                if not future.cancelled():
                    raise
        future = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            value = await self._get_or_read(key, read)
            future.set_result(value)
            return value
        except Exception as error:
            future.set_exception(error)
            future.exception()  # marks it as retrieved, or asyncio would log an error that was never awaited
            raise
        finally:
            # If this caller was cancelled, the next waiting caller reads the source.
            future.cancel()
            if self._in_flight.get(key) is future:
                del self._in_flight[key]

    async def invalidate(self, *keys: str) -> None:
        """Remove values, and the leases of reads in progress. Raises CacheUnavailable and CacheRefused."""
        for key in keys:
            self._in_flight.pop(key, None)
        try:
            with translate_redis_errors(CacheUnavailable):
                await _limit(self._redis.delete(*(self._prefix + key for key in keys)))
        except RedisError as error:
            raise CacheRefused(type(error).__name__) from error

    async def close(self) -> None:
        await self._redis.aclose()

    async def _get_or_read(self, key: str, read: Read) -> bytes:
        lease = LEASE + token_bytes(16)
        entry = await self._guarded_call(lambda: self._get_or_lease(key, lease))
        if entry is not None and entry.startswith(VALUE):
            self._count(key, "hit")
            return entry.removeprefix(VALUE)
        if entry != lease:
            self._count(key, "bypassed")
            return await read()
        self._count(key, "miss")
        result = b""
        try:
            value = await read()
            result = VALUE + value
            return value
        finally:
            await self._guarded_call(lambda: self._release_lease(key, lease, result))

    async def _get_or_lease(self, key: str, lease: bytes) -> bytes | None:
        """Return the value, the given lease if it was set, or another reader's lease after the wait."""
        name, milliseconds = self._prefix + key, int(LEASE_TTL_SECONDS * 1000)
        deadline = time.monotonic() + LEASE_WAIT_SECONDS
        while True:
            reply = await _limit(self._redis.get(name))
            value = reply if isinstance(reply, bytes) else None
            if value is None and await _limit(self._redis.set(name, lease, nx=True, px=milliseconds)):
                return lease
            if time.monotonic() > deadline or (value is not None and value.startswith(VALUE)):
                return value
            await asyncio.sleep(LEASE_POLL_SECONDS)

    async def _release_lease(self, key: str, lease: bytes, value: bytes) -> None:
        milliseconds = int(TTL_SECONDS * 1000)
        # The client's types allow for a synchronous reply.
        reply: Any = self._redis.eval(_STORE_IF_LEASED, 1, self._prefix + key, lease, value, milliseconds)
        await _limit(reply)

    async def _guarded_call[R](self, call: Callable[[], Awaitable[R]]) -> R | None:
        """Return the reply of Redis, or None while it is down."""
        if time.monotonic() < self._circuit_open_until:
            return None
        if self._circuit_open_until:
            # One caller probes whether Redis is back. The others bypass it, in case it hangs.
            self._circuit_open_until = time.monotonic() + CIRCUIT_RESET_SECONDS
        try:
            with translate_redis_errors(CacheUnavailable):
                reply = await call()
        except (CacheUnavailable, RedisError) as error:
            self._circuit_open_until = time.monotonic() + CIRCUIT_RESET_SECONDS
            log.warning("cache_unavailable", reason=type(error.__cause__ or error).__name__)
            return None
        self._circuit_open_until = 0.0
        return reply

    def _count(self, key: str, outcome: str) -> None:
        READS.labels(key.partition(":")[0], outcome).inc()


async def _limit(call: Awaitable[Any]) -> Any:
    return await run_within_loop_time(call, seconds=TIMEOUT_SECONDS)


@dataclass(frozen=True)
class CachedQuery[**P, V]:
    name: str
    adapter: TypeAdapter[V]
    query: Callable[Concatenate[AsyncSession, P], Awaitable[V]]

    def build_key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        return ":".join((self.name, *map(str, args), *map(str, kwargs.values())))

    async def __call__(self, cache: Cache, session: AsyncSession, *args: P.args, **kwargs: P.kwargs) -> V:
        async def read() -> bytes:
            return self.adapter.dump_json(await self.query(session, *args, **kwargs))

        value = await cache.get(self.build_key(*args, **kwargs), read)
        try:
            return self.adapter.validate_json(value)
        except ValidationError:
            # Stored in another format by another version of the service.
            return await self.query(session, *args, **kwargs)


def cache_query[**P, V](
    name: str, shape: type[V]
) -> Callable[[Callable[Concatenate[AsyncSession, P], Awaitable[V]]], CachedQuery[P, V]]:
    """Put a query behind the cache. Pydantic must be able to serialise its result; errors are not cached."""
    return lambda query: CachedQuery(name, TypeAdapter(shape), query)
