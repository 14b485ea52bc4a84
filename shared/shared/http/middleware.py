"""ASGI middleware of every request: request id, access log, metrics, body limit, unhandled exceptions."""

import re
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.errors import BadRequest, MalformedForm, ParleyError, PayloadTooLarge
from shared.http.aborted_requests import RequestAborted, translate_abort
from shared.http.health import INTERNAL_PATHS
from shared.http.problems import to_response

log = structlog.get_logger("access")

VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
UNHANDLED_ERROR_MESSAGE = "Something went wrong on our side. Please quote the request id when you report it."
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class UnsupportedEncoding(ParleyError):
    """The body is compressed; send it as it is."""

    status, code, title = 415, "unsupported_encoding", "Unsupported content encoding"


class RequestContext:
    """Request id and trace context, and a 500 without details for an unhandled exception."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        request_id = headers.get("x-request-id", "")
        if not VALID_REQUEST_ID.fullmatch(request_id):
            request_id = uuid4().hex
        trace = headers.get("traceparent", "")
        if not TRACEPARENT.fullmatch(trace):
            trace = f"00-{uuid4().hex}-{uuid4().hex[:16]}-00"
        # The server responds according to its own scope, so a HEAD request can be turned into a GET request
        # here.
        scope = {**scope, "state": {**scope.get("state", {}), "request_id": request_id}}
        with structlog.contextvars.bound_contextvars(request_id=request_id, traceparent=trace):
            await RequestRecorder(scope, send).run(self._app, receive)


class RequestRecorder:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._status, self._method = 0, scope["method"]
        # For HEAD, an endless response ends immediately.
        scope["state"]["is_head"] = self._method == "HEAD"
        if self._method == "HEAD":
            scope["method"] = "GET"
        self._started = time.perf_counter()

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        try:
            with translate_abort(self._scope):
                ensure_readable(self._scope)
                await app(self._scope, receive, self._respond)
        except RequestAborted as aborted:
            if self._status:
                raise
            await self._answer(aborted, receive)
        except (BadRequest, UnsupportedEncoding) as refused:
            await self._answer(refused, receive)
        except Exception:
            structlog.get_logger(__name__).exception("unhandled_exception")
            if not self._status:
                await self._answer(ParleyError(UNHANDLED_ERROR_MESSAGE), receive)
        finally:
            self._log()

    async def _answer(self, error: ParleyError, receive: Receive) -> None:
        response = to_response(error, request_id=self._scope["state"]["request_id"])
        await response(self._scope, receive, self._respond)

    async def _respond(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            state = self._scope["state"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = state["request_id"]
            if self._status == 204:
                # The framework sets a content type although there is no content.
                del headers["content-type"]
            # Cacheable responses (public keys, tags) set their own header. Others may contain personal data.
            headers.setdefault("Cache-Control", "no-store")
            headers.update(state.get("response_headers", {}))
        elif self._method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)

    def _log(self) -> None:
        seconds = time.perf_counter() - self._started
        method, path = self._method, self._scope["path"]
        route = describe_route(self._scope)
        metrics.REQUESTS.labels(method, route, self._status).observe(seconds)
        if path not in INTERNAL_PATHS:
            log.info("request", method=method, route=route, status=self._status, ms=round(seconds * 1000, 1))


def describe_route(scope: Scope) -> str:
    """Return the route's full path, including its mount's prefix."""
    route, prefix = scope.get("route"), scope.get("root_path", "")
    # Responses of the mount itself, such as a file, get the mount's path.
    if route is None or isinstance(route, Mount):
        return prefix or "unmatched"
    return f"{prefix}{route.path}"


def ensure_readable(scope: Scope) -> None:
    """Raise BadRequest for two hosts, and UnsupportedEncoding for a compressed body."""
    headers = Headers(scope=scope)
    if len(headers.getlist("host")) > 1:
        raise BadRequest("The request has more than one Host header.")
    codings = {coding.strip().lower() for coding in ",".join(headers.getlist("content-encoding")).split(",")}
    if codings - {"", "identity"}:
        accepted = {"Accept-Encoding": "identity"}
        raise UnsupportedEncoding("Send the body without a content encoding.", headers=accepted)


class BodyLimit:
    """Limits body size, with or without Content-Length, and without buffering."""

    def __init__(
        self, app: ASGIApp, *, max_bytes: int, max_form_bytes: int, max_bytes_by_path: Mapping[str, int]
    ) -> None:
        self._app, self._max_bytes, self._max_form_bytes = app, max_bytes, max_form_bytes
        self._max_bytes_by_path = max_bytes_by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        max_bytes = self._max_bytes_by_path.get(scope["path"], self._max_bytes)
        limit = self._max_form_bytes if is_form(headers) else max_bytes
        length = headers.get("content-length", "")
        if length.isdecimal() and "transfer-encoding" not in headers:
            if int(length) > limit:
                return await _reject(limit, scope, receive, send)
            # The server reads no more than this for the body.
            return await self._app(scope, receive, send)
        await self._count_bytes(limit, scope, receive, send)

    async def _count_bytes(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        received, rejected = 0, False

        async def receive_counted() -> Message:
            nonlocal received, rejected
            if rejected:
                return {"type": "http.disconnect"}
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                rejected = True
                await _reject(limit, scope, receive, send)
                return {"type": "http.disconnect"}
            return message

        async def send_unless_rejected(message: Message) -> None:
            # The application responds to the disconnect, but the client already has our response.
            if not rejected:
                await send(message)

        try:
            await self._app(scope, receive_counted, send_unless_rejected)
        except Exception:
            if not rejected:
                raise


def is_form(headers: Headers) -> bool:
    """Return whether the body is a form with files, which the route reads piece by piece."""
    return headers.get("content-type", "").lower().startswith("multipart/form-data")


def is_form_accepted(scope: Scope) -> bool:
    """Return whether the operation of this address and method takes a form with files."""
    operations = scope["app"].openapi()["paths"].get(scope["path"], {})
    body = operations.get(scope["method"].lower(), {}).get("requestBody", {})
    return "multipart/form-data" in body.get("content", {})


async def _reject(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    error: ParleyError = PayloadTooLarge(f"The body can have at most {limit} bytes.", max_bytes=limit)
    if not is_form(Headers(scope=scope)) and is_form_accepted(scope):
        # The whole body is a file, which the route would refuse anyway.
        error = MalformedForm("Send a form as multipart/form-data.")
    await to_response(error, request_id=scope["state"]["request_id"])(scope, receive, send)
