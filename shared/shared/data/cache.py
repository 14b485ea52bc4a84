"""A cache in Redis for what is read often and changed rarely. Without Redis, everything is read anew.

    tags = cached("tags", list[Tag])(queries.all_tags)

    await tags(cache, session)           # in front of queries.all_tags(session)
    await cache.forget(tags.key())       # after the change is committed

On a miss the reader leaves a lease under the key, reads, and puts the value in its place - but only while its
lease is there. To forget a key removes the lease as well, so that what was read before a change is never
written after it. Whoever finds another's lease waits for it a moment: one reads, however many ask.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any, Concatenate

import structlog
from prometheus_client import Counter
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.errors import Unavailable

log = structlog.get_logger(__name__)

READS = Counter(
    "cache_reads_total", "Reads through a cache; without Redis they are bypassed.", ["cache", "outcome"]
)

KEPT_SECONDS = 60.0
LEASE_SECONDS = 2.0
TIMEOUT_SECONDS = 0.1
PAUSE_SECONDS = 1.0
"""How long Redis is left alone after it has failed."""
WAIT_SECONDS = 0.1
WAIT_STEP_SECONDS = 0.01

LEASE, VALUE = b"L", b"V"
_SETTLE = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return 1
"""
_AWAY = (RedisError, OSError, TimeoutError)

type Read = Callable[[], Awaitable[bytes]]


class CacheDown(Unavailable):
    """Redis cannot be reached, so that it may still hold what was to be forgotten."""

    code = "cache_unavailable"


class Cache:
    """Values by key, as bytes. Keys of several services do not meet: each begins with the service's name."""

    def __init__(self, url: str, *, service: str) -> None:
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._prefix = f"cache:{service}:"
        self._left_alone_until = 0.0
        self._flights: dict[str, asyncio.Future[bytes]] = {}

    async def get(self, key: str, read: Read) -> bytes:
        """The value under the key, or what `read` makes; callers at the same time share one reading."""
        while (flight := self._flights.get(key)) is not None:
            try:
                return await asyncio.shield(flight)
            except asyncio.CancelledError:
                if not flight.cancelled():
                    raise
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            value = await self._value(key, read)
            flight.set_result(value)
            return value
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # so that nobody is told of an error that nobody waited for
            raise
        finally:
            # Cancelled, so that the next one in line reads.
            flight.cancel()
            if self._flights.get(key) is flight:
                del self._flights[key]

    async def forget(self, *keys: str) -> None:
        """Remove values, and spoil those being read. Raises CacheDown."""
        for key in keys:
            self._flights.pop(key, None)
        try:
            await self._redis.delete(*(self._prefix + key for key in keys))
        except _AWAY as error:
            raise CacheDown("The cache does not answer.") from error

    async def close(self) -> None:
        """Give all connections back."""
        await self._redis.aclose()

    async def _value(self, key: str, read: Read) -> bytes:
        lease = LEASE + token_bytes(16)
        found = await self._ask(lambda: self._leased(key, lease))
        if found is not None and found.startswith(VALUE):
            self._count(key, "hit")
            return found.removeprefix(VALUE)
        if found != lease:
            self._count(key, "bypassed")
            return await read()
        self._count(key, "miss")
        settled = b""
        try:
            value = await read()
            settled = VALUE + value
            return value
        finally:
            await self._ask(lambda: self._settle(key, lease, settled))

    async def _leased(self, key: str, lease: bytes) -> bytes | None:
        """The value; the given lease, if it was taken; another's lease, if it took too long."""
        name, milliseconds = self._prefix + key, int(LEASE_SECONDS * 1000)
        given_up = time.monotonic() + WAIT_SECONDS
        while True:
            answer = await self._redis.get(name)
            found = answer if isinstance(answer, bytes) else None
            if found is None and await self._redis.set(name, lease, nx=True, px=milliseconds):
                return lease
            if time.monotonic() > given_up or (found is not None and found.startswith(VALUE)):
                return found
            await asyncio.sleep(WAIT_STEP_SECONDS)

    async def _settle(self, key: str, lease: bytes, value: bytes) -> None:
        milliseconds = int(KEPT_SECONDS * 1000)
        # The client types the answer of a script as one that may be synchronous.
        answer: Any = self._redis.eval(_SETTLE, 1, self._prefix + key, lease, value, milliseconds)
        await answer

    async def _ask[R](self, question: Callable[[], Awaitable[R]]) -> R | None:
        """What Redis answers; None while it is away."""
        if time.monotonic() < self._left_alone_until:
            return None
        if self._left_alone_until:
            # One finds out whether it is back; the others go on without it, and do not wait if it hangs.
            self._left_alone_until = time.monotonic() + PAUSE_SECONDS
        try:
            answer = await question()
            self._left_alone_until = 0.0
            return answer
        except _AWAY as error:
            self._left_alone_until = time.monotonic() + PAUSE_SECONDS
            log.warning("cache_away", reason=type(error).__name__)
            return None

    def _count(self, key: str, outcome: str) -> None:
        READS.labels(key.partition(":")[0], outcome).inc()


@dataclass(frozen=True)
class Cached[**P, V]:
    """A query with a cache in front of it."""

    name: str
    adapter: TypeAdapter[V]
    query: Callable[Concatenate[AsyncSession, P], Awaitable[V]]

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Where the answer to these arguments is kept."""
        return ":".join((self.name, *map(str, args), *map(str, kwargs.values())))

    async def __call__(self, cache: Cache, session: AsyncSession, *args: P.args, **kwargs: P.kwargs) -> V:
        async def read() -> bytes:
            return self.adapter.dump_json(await self.query(session, *args, **kwargs))

        return self.adapter.validate_json(await cache.get(self.key(*args, **kwargs), read))


def cached[**P, V](
    name: str, shape: type[V]
) -> Callable[[Callable[Concatenate[AsyncSession, P], Awaitable[V]]], Cached[P, V]]:
    """Put a cache in front of a query whose answer pydantic can write down. Its errors are not kept."""
    return lambda query: Cached(name, TypeAdapter(shape), query)
