"""Classifies Redis and client errors: an outage, or a bug in our code."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as redis

from shared.data.network import is_network_error
from shared.errors import Unavailable

UNAVAILABLE_ERRORS = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.ClusterError,
    redis.ReadOnlyError,
    redis.OutOfMemoryError,
    redis.TryAgainError,
)
# The client has no classes for these replies: a full disk, missing replicas, a script that takes too long.
UNAVAILABLE_REPLIES = ("MISCONF", "NOREPLICAS", "BUSY ", "UNKILLABLE")
REFUSALS = (redis.AuthenticationError, redis.AuthorizationError)


class RedisUnavailable(Unavailable):
    """Redis cannot be reached, is starting, or accepts no writes."""


def is_redis_unavailable(error: BaseException) -> bool:
    if isinstance(error, REFUSALS):
        return False
    is_refused = type(error) is redis.ResponseError and str(error).startswith(UNAVAILABLE_REPLIES)
    return is_refused or is_network_error(error) or isinstance(error, UNAVAILABLE_ERRORS)


@contextmanager
def translate_redis_errors(error_type: type[Unavailable] = RedisUnavailable) -> Iterator[None]:
    """Raise the given error when Redis is down. Permanent errors are not outages."""
    try:
        yield
    except Exception as error:
        if is_redis_unavailable(error):
            raise error_type("Redis does not answer.") from error
        raise
