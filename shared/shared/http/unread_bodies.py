"""Discards the rest of a refused body: many clients read no response before they have sent everything."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.middleware import is_form, is_form_accepted

MAX_DROPPED_BYTES = 32 * 1024 * 1024
MAX_SECONDS = 10.0
MAX_CONCURRENT = 64
MAX_PER_CLIENT = 4
"""Per user, or per address of a request without a user. Such a body occupies a gateway connection."""
TOO_SLOW = 408


class UnreadBodies:
    """Delays the response to a refused body until it has arrived, within limits of bytes, time and number.

    Beyond them the response is sent immediately.
    """

    def __init__(self, app: ASGIApp, *, max_seconds: float = MAX_SECONDS) -> None:
        self._app, self._max_seconds = app, max_seconds
        self._dropping = Counter[Hashable]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_droppable(scope):
            return await self._app(scope, receive, send)
        body = _Body(receive)

        async def send_after_body(message: Message) -> None:
            is_refusal = message["type"] == "http.response.start" and 400 <= message["status"] != TOO_SLOW
            if is_refusal and not scope["state"].get("was_aborted"):
                await self._drop(scope, body)
            await send(message)

        await self._app(scope, body.receive, send_after_body)

    async def _drop(self, scope: Scope, body: "_Body") -> None:
        if body.is_over or not (is_form(Headers(scope=scope)) or is_form_accepted(scope)):
            return
        client = _find_client(scope)
        if self._dropping.total() < MAX_CONCURRENT and self._dropping[client] < MAX_PER_CLIENT:
            with self._count(client), suppress(TimeoutError):
                async with asyncio.timeout(self._max_seconds):
                    await body.drop()

    @contextmanager
    def _count(self, client: Hashable) -> Iterator[None]:
        self._dropping[client] += 1
        try:
            yield
        finally:
            self._dropping[client] -= 1
            if not self._dropping[client]:
                del self._dropping[client]


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_over = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.is_over = not message.get("more_body", False)
        return message

    async def drop(self) -> None:
        dropped = 0
        while not self.is_over and dropped <= MAX_DROPPED_BYTES:
            dropped += len((await self.receive()).get("body", b""))


def _is_droppable(scope: Scope) -> bool:
    """Return whether the request has a body that is short enough to be dropped."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    return "transfer-encoding" in headers or (length.isdecimal() and 0 < int(length) <= MAX_DROPPED_BYTES)


def _find_client(scope: Scope) -> Hashable:
    address = scope.get("client")
    return scope["state"].get("user_id") or (address and address[0])
