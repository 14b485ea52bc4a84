"""Limits the requests of one client address whose bodies are still arriving."""

from collections import Counter
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.errors import TooManyRequests
from shared.http.problems import to_response
from shared.http.ratelimit import get_client_address

RETRY_AFTER_SECONDS = 1


class TooManyArriving(TooManyRequests):
    """Too many requests from your network address are still arriving; try again after `Retry-After`."""

    def __init__(self) -> None:
        super().__init__(
            "Too many requests from your network address are still arriving. Send bodies without pauses, and"
            " try again soon.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


class ArrivalShares:
    """Refuses a request with a body while too many bodies of its client address are incomplete."""

    # Each incomplete request holds a connection of the gateway to this service, which all clients share, and
    # memory for what has arrived. A path with a larger limit of bytes has a larger weight.

    def __init__(self, app: ASGIApp, *, max_per_address: int, weights_by_path: Mapping[str, int]) -> None:
        self._app, self._max_per_address = app, max_per_address
        self._weights_by_path = weights_by_path
        self._arriving = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            return await self._app(scope, receive, send)
        address = get_client_address(HTTPConnection(scope))
        if self._arriving[address] >= self._max_per_address:
            metrics.RATE_LIMITED.labels("arriving").inc()
            refusal = to_response(TooManyArriving(), request_id=scope["state"]["request_id"])
            return await refusal(scope, receive, send)
        weight = self._weights_by_path.get(scope["path"], 1)
        arrival = _Arrival(self._arriving, address, receive, weight=weight)
        try:
            await self._app(scope, arrival.receive, send)
        finally:
            arrival.end()


class _Arrival:
    def __init__(self, arriving: Counter[str], address: str, receive: Receive, *, weight: int) -> None:
        self._arriving, self._address, self._receive = arriving, address, receive
        self._weight, self._is_over = weight, False
        arriving[address] += weight

    async def receive(self) -> Message:
        message = await self._receive()
        if not message.get("more_body", False):
            self.end()
        return message

    def end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._arriving[self._address] -= self._weight
        if not self._arriving[self._address]:
            del self._arriving[self._address]


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
