from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from scoring.settings import ApiSettings


@pytest.fixture
async def redis(settings: ApiSettings) -> AsyncIterator[Redis]:
    """A client of a Redis in which no budget has been used."""
    async with Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True) as redis:
        if keys := [key async for key in redis.scan_iter("speech_budget:*")]:
            await redis.delete(*keys)
        yield redis
