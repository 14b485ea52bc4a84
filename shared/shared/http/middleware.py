"""What surrounds every request: its id, its log line, its metrics, its size limit, and the last resort."""

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.errors import ParleyError, PayloadTooLarge
from shared.http.health import UNLOGGED
from shared.http.problems import problem

log = structlog.get_logger("access")

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class RequestContext:
    """Gives a request its id and trace, and its response the headers that go with them.

    An exception that nobody expected ends here: it is logged with its traceback and answered with a 500 that
    says nothing of it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        request_id = headers.get("x-request-id", "")
        if not SANE_REQUEST_ID.fullmatch(request_id):
            request_id = uuid4().hex
        trace = headers.get("traceparent", "")
        if not TRACEPARENT.fullmatch(trace):
            trace = f"00-{uuid4().hex}-{uuid4().hex[:16]}-00"
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id, traceparent=trace):
            await _Exchange(scope, send).run(self._app, receive)


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._status = 0
        self._started = time.perf_counter()

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        try:
            await app(self._scope, receive, self._respond)
        except Exception:
            structlog.get_logger(__name__).exception("unhandled_exception")
            if not self._status:
                error = ParleyError("Something went wrong on our side. The request id helps us to find it.")
                response = problem(error, request_id=self._scope["state"]["request_id"])
                await response(self._scope, receive, self._respond)
        finally:
            self._note()

    async def _respond(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            state = self._scope["state"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = state["request_id"]
            if self._status == 204:
                # The framework names the type of its content, which it has none of.
                del headers["content-type"]
            headers.update(state.get("response_headers", {}))
        await self._send(message)

    def _note(self) -> None:
        seconds = time.perf_counter() - self._started
        method, path = self._scope["method"], self._scope["path"]
        route = getattr(self._scope.get("route"), "path", "unmatched")
        metrics.REQUESTS.labels(method, route, self._status).observe(seconds)
        if path not in UNLOGGED:
            log.info("request", method=method, route=route, status=self._status, ms=round(seconds * 1000, 1))


class BodyLimit:
    """Refuses bodies over a limit, whether they say their length or not, without keeping them."""

    def __init__(self, app: ASGIApp, *, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if length.isdecimal() and "transfer-encoding" not in headers:
            if int(length) > self._most:
                return await self._refuse(scope, receive, send)
            # The server takes no more of it for the body.
            return await self._app(scope, receive, send)
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken, refused = 0, False

        async def counted() -> Message:
            nonlocal taken, refused
            if refused:
                return {"type": "http.disconnect"}
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                refused = True
                await self._refuse(scope, receive, send)
                return {"type": "http.disconnect"}
            return message

        async def unless_refused(message: Message) -> None:
            # The application answers its lost client; ours has its answer already.
            if not refused:
                await send(message)

        try:
            await self._app(scope, counted, unless_refused)
        except Exception:
            if not refused:
                raise

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = PayloadTooLarge(f"The body may have at most {self._most} bytes.", max_bytes=self._most)
        await problem(error, request_id=scope["state"]["request_id"])(scope, receive, send)
