"""Limits running and waiting requests, so that accepted requests complete in time under overload."""

import asyncio
from collections import Counter as Multiset
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from uuid import UUID

from prometheus_client import Counter, Gauge
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Unavailable
from shared.http.health import INTERNAL_PATHS
from shared.http.middleware import is_form
from shared.http.problems import to_response

IN_WORK = Gauge("http_requests_in_work", "Requests being processed.")
WAITING = Gauge("http_requests_waiting", "Requests waiting to be processed.")
REFUSED = Counter(
    "http_requests_refused_total", "Requests refused because of overload, by reason.", ["reason"]
)

RETRY_AFTER_SECONDS = 1
ADMIN_PATHS = ("/admin", "/api/v1/admin")
MAX_WAITING_PER_USER = 64
"""A phone that was offline may send all its sessions together, 60 in a minute."""


class Overloaded(Unavailable):
    """The service is overloaded; try again after `Retry-After`."""

    code = "overloaded"

    def __init__(self, reason: str) -> None:
        REFUSED.labels(reason).inc()
        super().__init__("Too many requests in progress. Try again soon.", retry_after=RETRY_AFTER_SECONDS)


class WorkSlots:
    """A limited number of slots, and a limited FIFO queue of requests waiting for one."""

    def __init__(self, *, max_in_work: int, max_waiting: int, max_wait_seconds: float) -> None:
        self._free = asyncio.Semaphore(max_in_work)
        self._max_waiting, self._max_wait_seconds = max_waiting, max_wait_seconds
        self._waiting = 0

    def ensure_capacity(self) -> None:
        """Raise Overloaded if no slot is free and the queue is full."""
        if self._free.locked() and self._waiting >= self._max_waiting:
            raise Overloaded("full")

    async def enter(self) -> None:
        """Take a slot, which `leave` releases. Raises Overloaded immediately, or after the maximum wait."""
        self.ensure_capacity()
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        IN_WORK.inc()

    def leave(self) -> None:
        IN_WORK.dec()
        self._free.release()

    async def _wait(self) -> None:
        self._waiting += 1
        WAITING.inc()
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded("waited") from None
        finally:
            self._waiting -= 1
            WAITING.dec()


class UserShares:
    """Limits running requests per user, so that one user's slow requests do not block others."""

    def __init__(
        self, *, max_in_work: int, max_wait_seconds: float, max_waiting: int = MAX_WAITING_PER_USER
    ) -> None:
        self._max_in_work, self._max_wait_seconds = max_in_work, max_wait_seconds
        self._max_requests = max_in_work + max_waiting
        self._requests = Multiset[UUID]()
        self._free = defaultdict[UUID, asyncio.Semaphore](lambda: asyncio.Semaphore(max_in_work))

    def is_used_up(self, user_id: UUID) -> bool:
        return self._requests[user_id] >= self._max_in_work

    async def acquire(self, user_id: UUID) -> None:
        """Take a part of the share until `release`. Raises Overloaded."""
        if self._requests[user_id] >= self._max_requests:
            raise Overloaded("user")
        self._requests[user_id] += 1
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await self._free[user_id].acquire()
        except BaseException as error:
            self._remove_request(user_id)
            if isinstance(error, TimeoutError):
                raise Overloaded("user") from None
            raise

    def release(self, user_id: UUID) -> None:
        self._free[user_id].release()
        self._remove_request(user_id)

    def _remove_request(self, user_id: UUID) -> None:
        self._requests[user_id] -= 1
        if not self._requests[user_id]:
            del self._requests[user_id], self._free[user_id]


@dataclass(frozen=True)
class Lane:
    """Limits of one path whose requests take long. They use no slots and shares of other requests."""

    slots: WorkSlots
    shares: UserShares
    max_body_bytes: int


type Lanes = Mapping[str, Lane]
"""Lanes by path."""
NO_LANES: Lanes = MappingProxyType({})


class Admission:
    """Lets a request wait for a slot, which it holds from its last byte to the start of its response."""

    # Slow uploads and slow readers hold no slot: a few of them would block the service for everyone else.

    def __init__(
        self,
        app: ASGIApp,
        *,
        slots: WorkSlots,
        shares: UserShares | None = None,
        admin_shares: UserShares | None = None,
        lanes: Lanes = NO_LANES,
    ) -> None:
        self._app, self._slots = app, slots
        self._shares, self._admin_shares = shares, admin_shares or shares
        self._lanes = lanes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in INTERNAL_PATHS:
            return await self._app(scope, receive, send)
        slots, shares = self._get_limits(scope["path"])
        request = _AdmittedRequest(slots, receive, send)
        if shares is not None:
            scope["state"]["acquire_share"] = partial(request.acquire_share, shares)
        try:
            slots.ensure_capacity()
            if not is_form(Headers(scope=scope)):
                await request.read()
                await request.enter()
        except Overloaded as error:
            return await to_response(error, request_id=scope["state"]["request_id"])(scope, receive, send)
        try:
            await self._app(scope, request.receive, request.send)
        finally:
            request.leave()

    def _get_limits(self, path: str) -> tuple[WorkSlots, UserShares | None]:
        if (lane := self._lanes.get(path)) is not None:
            return lane.slots, lane.shares
        return self._slots, self._admin_shares if path.startswith(ADMIN_PATHS) else self._shares


class _AdmittedRequest:
    def __init__(self, slots: WorkSlots, receive: Receive, send: Send) -> None:
        self._slots, self._receive, self._send = slots, receive, send
        self._buffered: list[Message] = []
        self._holds_slot = self._is_admitted = False
        self._release_share: Callable[[], None] | None = None

    async def read(self) -> None:
        # Chunks are joined, because a body in single bytes would take three hundred times its size in memory.
        body, message = bytearray(), await self._receive()
        while message.get("more_body", False):
            body += message.get("body", b"")
            message = await self._receive()
        if message["type"] == "http.request":
            message = {**message, "body": bytes(body) + message.get("body", b"")}
        self._buffered.append(message)

    async def enter(self) -> None:
        if not self._is_admitted:
            await self._slots.enter()
            self._is_admitted = self._holds_slot = True

    def leave(self) -> None:
        self._release_slot()
        release, self._release_share = self._release_share, None
        if release is not None:
            release()

    def _release_slot(self) -> None:
        if self._holds_slot:
            self._holds_slot = False
            self._slots.leave()

    async def acquire_share(self, shares: UserShares, user_id: UUID) -> None:
        """Wait, without a slot, until the user's share allows this request. Raises Overloaded."""
        if self._release_share is not None:
            return
        held_slot = self._holds_slot
        if shares.is_used_up(user_id):
            self._release_slot()
        await shares.acquire(user_id)
        self._release_share = partial(shares.release, user_id)
        if held_slot and not self._holds_slot:
            await self._slots.enter()
            self._holds_slot = True

    async def receive(self) -> Message:
        message = self._buffered.pop() if self._buffered else await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            # Raised within the application, which renders it.
            await self.enter()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.leave()
        await self._send(message)
