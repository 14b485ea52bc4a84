"""Revocation of access tokens before they expire."""

# Auth appends revocations to a stream in Redis, and every API follows the stream into its memory. A request
# therefore costs no round trip, and a process keeps the revocations it has read while Redis is down.

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict
from redis.exceptions import RedisError

from shared.background import Loop, SupervisedLoop, run_loops
from shared.data.network import is_network_error
from shared.data.redis_client import create_redis
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

STREAM, FIELD = "revocations", b"revocation"
POLL_SECONDS = 0.5
WRITE_TIMEOUT_SECONDS = 0.5
READ_TIMEOUT_SECONDS = 1.0
"""Longer, because no request waits for it, and a busy event loop must not look like a Redis outage."""
RETENTION_SECONDS = 1_200
"""Longer than any access token lives, with a margin for the clocks of two machines."""
PAGE_SIZE = 1_000
MAX_REVOCATIONS = 100_000
"""Maximum of revocations in a process, about 200 bytes each. The oldest are dropped first."""
EVERY_VERSION = 2**31 - 1


class RevocationsUnavailable(Unavailable):
    code = "revocations_unavailable"


class Revocation(BaseModel):
    """A revocation of a user's or session's tokens with lower versions. Versions do not depend on clocks."""

    model_config = ConfigDict(frozen=True)

    subject: UUID
    min_version: int = EVERY_VERSION


class _KnownRevocation(NamedTuple):
    min_version: int
    until: float


class Revocations:
    def __init__(self, url: str) -> None:
        self._redis = create_redis(url)
        self._known: dict[UUID, _KnownRevocation] = {}
        self._position = "-"

    def is_revoked(self, subject: UUID | None, version: int) -> bool:
        revocation = self._known.get(subject) if subject else None
        return revocation is not None and version < revocation.min_version

    async def revoke(self, *revocations: Revocation) -> None:
        """Publish revocations; publishing one again changes nothing. Raises RevocationsUnavailable."""
        self._store(revocations)
        outdated = int((time.time() - RETENTION_SECONDS) * 1000)
        with _translate_connection_errors():
            async with asyncio.timeout(WRITE_TIMEOUT_SECONDS), self._redis.pipeline() as pipeline:
                for revocation in revocations:
                    pipeline.xadd(STREAM, {FIELD: revocation.model_dump_json()}, minid=outdated)
                pipeline.expire(STREAM, RETENTION_SECONDS)
                await pipeline.execute()

    @asynccontextmanager
    async def run_follower(self) -> AsyncIterator[Sequence[SupervisedLoop]]:
        """Follow revocations while the block runs, as far as Redis is reachable."""
        with suppress(RevocationsUnavailable):
            while await self.follow():
                pass
        loop = Loop(
            name="revocations", work=self.follow, interval_seconds=POLL_SECONDS, max_retry_seconds=1.0
        )
        async with run_loops(loop) as loops:
            yield loops

    async def follow(self) -> bool:
        """Read a page of new revocations; return whether there are more. Raises RevocationsUnavailable."""
        # After a failure, another Redis with other positions may answer, so everything is read again.
        position, self._position = self._position, "-"
        with _translate_connection_errors():
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                # The client's types allow for other kinds of clients.
                entries: Any = await self._redis.xrange(STREAM, min=position, count=PAGE_SIZE)
        self._store(Revocation.model_validate_json(fields[FIELD]) for _, fields in entries)
        self._position = f"({entries[-1][0].decode()}" if entries else position
        return len(entries) == PAGE_SIZE

    async def close(self) -> None:
        await self._redis.aclose()

    def _store(self, revocations: Iterable[Revocation]) -> None:
        now = time.monotonic()
        for revocation in revocations:
            previous = self._known.pop(revocation.subject, None)
            min_version = max(revocation.min_version, previous.min_version if previous else 0)
            self._known[revocation.subject] = _KnownRevocation(min_version, now + RETENTION_SECONDS)
        self._drop_oldest(now)

    def _drop_oldest(self, now: float) -> None:
        if (excess := len(self._known) - MAX_REVOCATIONS) > 0:
            log.warning("revocations_dropped", count=excess)
        while self._known:
            oldest, revocation = next(iter(self._known.items()))
            if len(self._known) <= MAX_REVOCATIONS and revocation.until > now:
                return
            del self._known[oldest]


@contextmanager
def _translate_connection_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if isinstance(error, RedisError) or is_network_error(error):
            raise RevocationsUnavailable("Redis does not answer.") from error
        raise
