"""Rate limits, counted in Redis so that they hold across replicas."""

import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from shared import metrics
from shared.errors import TooManyRequests, Unavailable
from shared.security.current_user import CurrentUser
from shared.settings import Settings

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60


class RateLimits:
    """The limits of one service: requests a minute, by the name of the limit and by who is asking."""

    def __init__(self, settings: Settings) -> None:
        self._enabled = settings.rate_limit_enabled
        self._overrides = settings.rate_limits
        url = settings.redis_url.get_secret_value()
        self._pool = ConnectionPool.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25)
        # The library documents this option but leaves it out of its type.
        pool: Any = self._pool
        self._storage = RedisStorage(f"async+{url}", implementation="redispy", connection_pool=pool)
        # It keeps the time of every request that passes. The counters of a sliding window take less memory,
        # but let nearly twice as many pass in a minute of somebody's choice.
        self._limiter = MovingWindowRateLimiter(self._storage)

    async def hit(
        self, request: Request, name: str, who: str, *, per_minute: int, fail_closed: bool = False
    ) -> None:
        """Count a request and note the RateLimit headers of its response.

        Raises TooManyRequests when the limit is used up. Without Redis the request passes, unless
        `fail_closed`: then it raises Unavailable.
        """
        if not self._enabled:
            return
        item = RateLimitItemPerMinute(self._overrides.get(name, per_minute))
        try:
            allowed = await self._limiter.hit(item, name, who)
            window = await self._limiter.get_window_stats(item, name, who)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("rate_limit_not_counted", limit=name, reason=type(error).__name__)
            if fail_closed:
                raise Unavailable("This cannot be checked right now; try again in a moment.") from error
            return
        reset = max(1, round(window.reset_time - time.time()))
        request.state.response_headers = {
            "RateLimit-Policy": f'"{name}";q={item.amount};w={WINDOW_SECONDS}',
            "RateLimit": f'"{name}";r={window.remaining};t={reset}',
        }
        if not allowed:
            metrics.RATE_LIMITED.labels(name).inc()
            raise TooManyRequests(
                f"At most {item.amount} requests a minute are allowed here; try again in {reset} s.",
                headers={"Retry-After": str(reset)},
            )

    async def ping(self) -> None:
        """Raise unless Redis answers."""
        if not await self._storage.check():
            raise Unavailable("Redis does not answer.")

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.disconnect()


def per_user(name: str, *, per_minute: int) -> Callable[[Request, CurrentUser], Awaitable[None]]:
    """A dependency that limits the requests of one user."""

    async def limit(request: Request, caller: CurrentUser) -> None:
        limits: RateLimits = request.app.state.rate_limits
        await limits.hit(request, name, str(caller.id), per_minute=per_minute)

    return limit


def client_address(request: Request) -> str:
    """The address that the gateway saw; uvicorn has replaced it only if a trusted proxy sent the request.

    Of an IPv6 address it is the network: a household has 2^64 of them.
    """
    host = request.client.host if request.client else "unknown"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))


ClientAddress = Annotated[str, Depends(client_address)]


def per_address(
    name: str, *, per_minute: int, fail_closed: bool = False
) -> Callable[[Request, ClientAddress], Awaitable[None]]:
    """A dependency that limits the requests from one address."""

    async def limit(request: Request, address: ClientAddress) -> None:
        limits: RateLimits = request.app.state.rate_limits
        await limits.hit(request, name, address, per_minute=per_minute, fail_closed=fail_closed)

    return limit
