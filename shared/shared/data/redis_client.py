"""Clients of Redis whose callers limit the time."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def create_redis(url: str) -> Redis:
    # Without the client's own time limits, which a late event loop uses up. One retry, because a pooled
    # connection does not survive a restart of Redis.
    return Redis.from_url(url, socket_timeout=None, socket_connect_timeout=None, retry=Retry(NoBackoff(), 1))
