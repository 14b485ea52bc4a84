"""One sorted set per learner in Redis: speech ids by the time of their last play."""

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from redis.exceptions import RedisError
from shared.clock import utc_now
from shared.data.loop_time import run_within_loop_time
from shared.data.redis_client import create_redis
from shared.data.redis_errors import translate_redis_errors
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

MAX_PLAYS = 120
"""Speeches per learner. Redis stores a set that ever had more than 128 in three times the memory."""
RETENTION = timedelta(days=30)
TIMEOUT_SECONDS = 0.1
SECONDS_BETWEEN_RESULTS = 0.001
"""Keeps the results of a session, which share its time, in order."""

_ADD = """
    if redis.call('TYPE', KEYS[1]).ok == 'string' or redis.call('EXISTS', KEYS[2]) == 1 then return end
    for place = 4, #ARGV, 2 do
        redis.call('ZADD', KEYS[1], 'GT', ARGV[place], ARGV[place + 1])
        redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[2])
    end
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
"""
_REMOVE = """
    redis.call('SET', KEYS[2], '', 'EX', ARGV[1])
    if redis.call('TYPE', KEYS[1]).ok == 'zset' then redis.call('ZREM', KEYS[1], unpack(ARGV, 2)) end
"""
_LIST = """
    if redis.call('TYPE', KEYS[1]).ok == 'string' then return {} end
    return redis.call('ZRANGE', KEYS[1], ARGV[1], '+inf', 'BYSCORE')
"""
_TTL_SECONDS = int(RETENTION.total_seconds())


class RecentPlaysUnavailable(Unavailable):
    """Redis cannot be reached."""

    code = "recent_plays_unavailable"


class RecentPlays:
    """At most MAX_PLAYS speeches per learner, of the last 30 days. Every change is safe to repeat.

    Changes raise RecentPlaysUnavailable.
    """

    def __init__(self, url: str) -> None:
        self._redis = create_redis(url)

    async def list_speech_ids(self, user_id: UUID) -> list[UUID]:
        """Return the speeches, the one played longest ago first; none while Redis is unavailable."""
        # The client's types allow for a synchronous result.
        ids: Any = self._redis.eval(_LIST, 1, _build_key(user_id), _get_oldest())
        try:
            return [UUID(bytes=id_bytes) for id_bytes in await _call(ids)]
        except (RecentPlaysUnavailable, RedisError) as error:
            log.warning("recent_plays_unavailable", reason=type(error.__cause__ or error).__name__)
            return []

    async def add(
        self, user_id: UUID, speech_ids: Sequence[UUID], *, session_id: UUID, completed_at: datetime
    ) -> None:
        """Add the speeches of a session, in order of play, unless `remove` was first."""
        plays: list[Any] = []
        for place, speech_id in enumerate(speech_ids):
            plays += [completed_at.timestamp() + place * SECONDS_BETWEEN_RESULTS, speech_id.bytes]
        limits = _get_oldest(), MAX_PLAYS, _TTL_SECONDS
        keys = _build_key(user_id), _build_deletion_key(session_id)
        added: Any = self._redis.eval(_ADD, 2, *keys, *limits, *plays)
        await _call(added)

    async def remove(self, user_id: UUID, speech_ids: Sequence[UUID], *, session_id: UUID) -> None:
        """Remove the speeches of a session, also if `add` is called later: events come in any order."""
        ids = [speech_id.bytes for speech_id in speech_ids]
        keys = _build_key(user_id), _build_deletion_key(session_id)
        removed: Any = self._redis.eval(_REMOVE, 2, *keys, _TTL_SECONDS, *ids)
        await _call(removed)

    async def erase(self, user_id: UUID) -> None:
        """Delete all plays of a learner. Sessions that arrive later are ignored."""
        # A string in place of the set marks the learner as erased.
        await _call(self._redis.set(_build_key(user_id), b"", ex=_TTL_SECONDS))

    async def close(self) -> None:
        await self._redis.aclose()


def _build_key(user_id: UUID) -> str:
    return f"recent_plays:{user_id}"


def _build_deletion_key(session_id: UUID) -> str:
    return f"recent_plays:deleted:{session_id}"


def _get_oldest() -> float:
    return (utc_now() - RETENTION).timestamp()


async def _call(call: Awaitable[Any]) -> Any:
    with translate_redis_errors(RecentPlaysUnavailable):
        return await run_within_loop_time(call, seconds=TIMEOUT_SECONDS)
