"""Redis clients whose callers set the timeouts."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

CONNECT_TIMEOUT_SECONDS = 1.0


def create_redis(url: str) -> Redis:
    # Without the client's response timeout, which a delayed event loop would exhaust. The connect timeout
    # also limits closing, which hangs under uvloop if the connection was reset. One retry, because a pooled
    # connection does not survive a Redis restart.
    return Redis.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
