"""Rate limits, counted in Redis so that they hold across replicas."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter as LocalRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection

from shared import metrics
from shared.data.loop_time import run_within_loop_time
from shared.data.redis_client import CONNECT_TIMEOUT_SECONDS
from shared.data.redis_errors import RedisUnavailable, translate_redis_errors
from shared.errors import TooManyRequests, Unavailable
from shared.security.current_user import CurrentUser
from shared.settings import HttpApiSettings

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
REDIS_TIMEOUT_SECONDS = 0.25


class RateLimits:
    """Requests or other units per minute, by limit and subject: a user, an address or an account."""

    def __init__(self, settings: HttpApiSettings) -> None:
        self._enabled = settings.rate_limit_enabled
        self._overrides = settings.rate_limits
        url = settings.redis_url.get_secret_value()
        # The caller sets the response timeout, the client those of connecting and closing.
        self._pool = ConnectionPool.from_url(
            url, socket_timeout=None, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS
        )
        # The library documents this option but leaves it out of its type.
        pool: Any = self._pool
        self._storage = RedisStorage(f"async+{url}", implementation="redispy", connection_pool=pool)
        # A moving window stores the time of every request. A sliding window counter takes less memory, but in
        # the worst case allows nearly twice as many requests in a minute.
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._local_limiter = LocalRateLimiter(MemoryStorage())

    async def check(
        self,
        request: Request,
        name: str,
        subject: str,
        *,
        per_minute: int,
        cost: int = 1,
        unit: str = "requests",
        fail_closed: bool = False,
    ) -> None:
        """Count a request, or its cost in a unit, and show it in the RateLimit headers of the response.

        A cost of 0 only checks whether anything remains. Raises TooManyRequests. Without Redis this process
        counts on its own, or raises Unavailable if `fail_closed`.
        """
        # A request whose transaction is repeated has been counted.
        if not self._enabled or getattr(request.state, "is_repeated", False):
            return
        item = RateLimitItemPerMinute(self._overrides.get(name, per_minute))
        # A cost above the limit would never be allowed.
        hit = _Hit(item, name, subject, cost=min(cost, item.amount))
        allowed, window = await self._count(hit, fail_closed=fail_closed)
        reset = max(1, round(window.reset_time - time.time()))
        if cost or not allowed:
            _add_headers(
                request,
                {
                    "RateLimit-Policy": f'"{name}";q={item.amount};w={WINDOW_SECONDS}',
                    "RateLimit": f'"{name}";r={window.remaining};t={reset}',
                },
            )
        if not allowed:
            metrics.RATE_LIMITED.labels(name).inc()
            raise TooManyRequests(
                f"At most {item.amount} {unit} a minute are allowed here; try again in {reset} s.",
                headers={"Retry-After": str(reset)},
            )

    async def _count(self, hit: "_Hit", *, fail_closed: bool) -> tuple[bool, WindowStats]:
        try:
            with translate_redis_errors():
                return await run_within_loop_time(self._query_redis(hit), seconds=REDIS_TIMEOUT_SECONDS)
        except (RedisUnavailable, RedisError) as error:
            reason = type(error.__cause__ or error).__name__
            log.warning("rate_limit_counted_locally", limit=hit.name, reason=reason)
            if fail_closed:
                raise Unavailable(
                    "The rate limit cannot be checked right now; try again in a moment."
                ) from error
            return self._count_locally(hit)

    async def _query_redis(self, hit: "_Hit") -> tuple[bool, WindowStats]:
        ask = self._limiter.hit if hit.cost else self._limiter.test
        allowed = await ask(hit.item, hit.name, hit.subject, cost=hit.cost or 1)
        return allowed, await self._limiter.get_window_stats(hit.item, hit.name, hit.subject)

    def _count_locally(self, hit: "_Hit") -> tuple[bool, WindowStats]:
        ask = self._local_limiter.hit if hit.cost else self._local_limiter.test
        allowed = ask(hit.item, hit.name, hit.subject, cost=hit.cost or 1)
        return allowed, self._local_limiter.get_window_stats(hit.item, hit.name, hit.subject)

    async def ping(self) -> None:
        if not await self._storage.check():
            raise Unavailable("Redis does not answer.")

    async def close(self) -> None:
        await self._pool.disconnect()


@dataclass(frozen=True)
class _Hit:
    item: RateLimitItem
    name: str
    subject: str
    cost: int


def _add_headers(request: Request, headers: dict[str, str]) -> None:
    """Append to the headers that other limits of the request have set: both headers are lists."""
    before: dict[str, str] = getattr(request.state, "response_headers", {})
    added = {name: f"{before[name]}, {value}" if name in before else value for name, value in headers.items()}
    request.state.response_headers = before | added


def get_rate_limits(request: Request) -> RateLimits:
    limits: RateLimits = request.app.state.rate_limits
    return limits


def limit_per_user(name: str, *, per_minute: int) -> Callable[[Request, CurrentUser], Awaitable[None]]:
    async def limit(request: Request, user: CurrentUser) -> None:
        limits = get_rate_limits(request)
        await limits.check(request, name, str(user.id), per_minute=per_minute)

    return limit


def get_client_address(request: HTTPConnection) -> str:
    """Return the client's address as the gateway saw it, or its /64 network: one IPv6 household has 2^64
    addresses.
    """
    # uvicorn has set the address from X-Forwarded-For only if a trusted proxy sent the request.
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


ClientAddress = Annotated[str, Depends(get_client_address)]


def limit_per_address(
    name: str, *, per_minute: int, fail_closed: bool = False
) -> Callable[[Request, ClientAddress], Awaitable[None]]:
    async def limit(request: Request, address: ClientAddress) -> None:
        limits = get_rate_limits(request)
        await limits.check(request, name, address, per_minute=per_minute, fail_closed=fail_closed)

    return limit
