"""Addresses from which an account was signed in to, so that strangers' attempts do not lock its owner out."""

import hmac
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from shared.data.redis_errors import RedisUnavailable, translate_redis_errors

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 1.0
RETENTION = timedelta(days=30)


class KnownAddresses:
    """Redis holds an HMAC of each address, under a key that the account's row holds, for 30 days.

    Neither Redis nor the database reveals an address without the other. A deleted account's are unreadable.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # One retry, because a pooled connection does not survive a restart of Redis.
            retry=Retry(NoBackoff(), 1),
        )

    async def is_known(self, address_key: UUID | None, address: str) -> bool:
        """Pass None for an account that does not exist: the time must not reveal which ones do."""
        try:
            with translate_redis_errors():
                return bool(await self._redis.exists(_name(address_key or uuid4(), address)))
        except RedisUnavailable as error:
            log.warning("known_addresses_unavailable", reason=type(error.__cause__).__name__)
            return False

    async def remember(self, address_key: UUID, address: str) -> None:
        try:
            with translate_redis_errors():
                await self._redis.set(_name(address_key, address), b"1", ex=RETENTION)
        except RedisUnavailable as error:
            log.warning("known_addresses_unavailable", reason=type(error.__cause__).__name__)

    async def close(self) -> None:
        await self._redis.aclose()


def _name(address_key: UUID, address: str) -> str:
    return f"known_address:{hmac.digest(address_key.bytes, address.encode(), 'sha256').hex()}"
