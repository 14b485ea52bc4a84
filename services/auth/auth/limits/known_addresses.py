"""Addresses from which an account has signed in, so that strangers' attempts do not lock its owner out."""

import hmac
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from shared.data.loop_time import run_within_loop_time
from shared.data.redis_client import create_redis
from shared.data.redis_errors import RedisUnavailable, translate_redis_errors

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 1.0
RETENTION = timedelta(days=30)


class KnownAddresses:
    """Stored in Redis for 30 days, as HMACs under a key in the account's row.

    Redis or the database alone reveals no address. Deleting an account makes its addresses unreadable.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = create_redis(redis_url)

    async def is_known(self, address_key: UUID | None, address: str) -> bool:
        """Pass None for an account that does not exist, so that timing reveals nothing."""
        try:
            with translate_redis_errors():
                exists = self._redis.exists(_get_key(address_key or uuid4(), address))
                return bool(await run_within_loop_time(exists, seconds=TIMEOUT_SECONDS))
        except RedisUnavailable as error:
            log.warning("known_addresses_unavailable", reason=type(error.__cause__).__name__)
            return False

    async def remember(self, address_key: UUID, address: str) -> None:
        try:
            with translate_redis_errors():
                stored = self._redis.set(_get_key(address_key, address), b"1", ex=RETENTION)
                await run_within_loop_time(stored, seconds=TIMEOUT_SECONDS)
        except RedisUnavailable as error:
            log.warning("known_addresses_unavailable", reason=type(error.__cause__).__name__)

    async def close(self) -> None:
        await self._redis.aclose()


def _get_key(address_key: UUID, address: str) -> str:
    return f"known_address:{hmac.digest(address_key.bytes, address.encode(), 'sha256').hex()}"
