"""Repeats a request whose transaction was rolled back because of another one."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.data.db_errors import MAX_ATTEMPTS, TransactionConflict, pause_after_conflict
from shared.http.problems import to_response

MAX_BUFFERED_BYTES = 524_288
"""Longer bodies are not buffered, and their requests are not repeated."""


class RepeatRequest(Exception):
    """The request's transaction was rolled back; nothing was stored or sent."""

    def __init__(self, conflict: TransactionConflict) -> None:
        super().__init__()
        self.conflict = conflict


@contextmanager
def repeat_request_on_conflict() -> Iterator[None]:
    """Wrap a transaction that spans the whole request."""
    try:
        yield
    except TransactionConflict as conflict:
        raise RepeatRequest(conflict) from conflict


class ConflictRepeater:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        body = _ReplayedBody(receive)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await self._app(scope, body.receive, send)
            except RepeatRequest as repeat:
                if attempt == MAX_ATTEMPTS or not body.rewind():
                    response = to_response(repeat.conflict, request_id=scope["state"]["request_id"])
                    return await response(scope, receive, send)
                scope["state"]["is_repeated"] = True
                await pause_after_conflict(attempt)


class _ReplayedBody:
    """The messages of a request, which can be replayed from the first one."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._buffered: list[Message] = []
        self._size = 0
        self._next = 0

    async def receive(self) -> Message:
        if self._next < len(self._buffered):
            self._next += 1
            return self._buffered[self._next - 1]
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > MAX_BUFFERED_BYTES:
            self._buffered.clear()
        else:
            self._buffered.append(message)
            self._next += 1
        return message

    def rewind(self) -> bool:
        """Return whether the body was buffered."""
        self._next = 0
        return self._size <= MAX_BUFFERED_BYTES
