"""Provider tokens that have been used. Each is accepted once, so a stolen copy is useless."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_bytes

import structlog
from shared.clock import utc_now
from shared.data.loop_time import run_within_loop_time
from shared.data.redis_client import create_redis
from shared.data.redis_errors import RedisUnavailable, translate_redis_errors
from shared.errors import Unavailable

from auth.errors import InvalidSocialToken

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 1.0
GRACE_SECONDS = 60
"""A token's hash is kept this long after the token has expired, because clocks differ."""
MAX_TTL_SECONDS = 90 * 24 * 3600
"""Facebook's access tokens may never expire; most are valid for 60 days."""


class UsedTokens:
    def __init__(self, redis_url: str) -> None:
        self._redis = create_redis(redis_url)

    @asynccontextmanager
    async def claim(self, token: str, *, expires_at: float) -> AsyncIterator[None]:
        """Mark the token as used, unless the block fails. Raises InvalidSocialToken if it was used before.

        Raises Unavailable without Redis, because a token must not be accepted unchecked.
        """
        key, lifetime = _get_key(token), expires_at - utc_now().timestamp() + GRACE_SECONDS
        try:
            with translate_redis_errors():
                claimed = self._claim(key, ttl_seconds=int(min(lifetime, MAX_TTL_SECONDS)))
                is_first = await run_within_loop_time(claimed, seconds=TIMEOUT_SECONDS)
        except RedisUnavailable as error:
            log.warning("social_token_not_checked", reason=type(error.__cause__).__name__)
            raise Unavailable("The token cannot be checked right now; try again in a moment.") from error
        if not is_first:
            raise InvalidSocialToken("The token has already been used; sign in with the provider again.")
        try:
            yield
        except Exception:
            await self._release(key)
            raise

    async def close(self) -> None:
        await self._redis.aclose()

    async def _claim(self, key: str, *, ttl_seconds: int) -> bool:
        use = token_bytes(16)
        # The Redis client repeats the command if the first response was lost; it then finds its own value.
        is_set = await self._redis.set(key, use, nx=True, ex=ttl_seconds)
        return bool(is_set) or await self._redis.get(key) == use

    async def _release(self, key: str) -> None:
        try:
            with translate_redis_errors():
                await run_within_loop_time(self._redis.delete(key), seconds=TIMEOUT_SECONDS)
        except RedisUnavailable as error:
            # The user has to sign in with the provider again.
            log.warning("social_token_not_released", reason=type(error.__cause__).__name__)


def _get_key(token: str) -> str:
    # The signature is left out, because its last character has several valid encodings.
    signed = token.rpartition(".")[0] if token.count(".") == 2 else token
    return f"used_social_token:{hashlib.sha256(signed.encode()).hexdigest()}"
