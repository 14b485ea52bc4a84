"""Problem documents as pages, for browsers that navigate. Scripts get the documents."""

import json
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.panel.gate import add_security_headers, is_navigation

if TYPE_CHECKING:
    from shared.panel.panel import Panel

HEADINGS = {
    400: "The request could not be read",
    401: "Your session has ended",
    403: "You are not allowed to do this",
    404: "Page not found",
    405: "This page cannot be opened this way",
    409: "This conflicts with stored data",
    412: "This has been changed since",
    413: "This is too large",
    415: "This format is not accepted",
    422: "Some input is not valid",
    429: "Too many requests",
    503: "Not available right now",
    504: "This took too long",
}
OTHER_HEADING = "Something went wrong on our side"


class ErrorPages:
    """The outermost middleware, so that errors of all others become pages too."""

    def __init__(self, app: ASGIApp, *, panel: "Panel") -> None:
        self._app, self._panel = app, panel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = f"{scope.get('path', '')}/"
        if scope["type"] != "http" or not path.startswith(f"{self._panel.prefix}/"):
            return await self._app(scope, receive, send)
        # Shared with the inner middlewares, which copy the scope.
        page: dict[str, Any] = {}
        scope.setdefault("state", {})["panel_page"] = page
        if scope["method"] == "HEAD" or not is_navigation(Headers(scope=scope)):
            return await self._app(scope, receive, send)
        await self._app(scope, receive, _Replacement(self._panel, scope, receive, send, page).send)


class _Replacement:
    def __init__(
        self, panel: "Panel", scope: Scope, receive: Receive, send: Send, page: dict[str, Any]
    ) -> None:
        self._panel, self._page = panel, page
        self._scope, self._receive, self._send = dict(scope), receive, send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._replace(self._start, json.loads(self._body))

    async def _replace(self, start: Message, problem: dict[str, Any]) -> None:
        status = start["status"]
        request = Request(self._scope, self._receive)
        request.state.panel_principal = self._page.get("principal")
        context = {
            "status": status,
            "heading": HEADINGS.get(status, OTHER_HEADING),
            "problem": problem,
            "list": self._page.get("list"),
            "retry_after": Headers(raw=start["headers"]).get("retry-after"),
        }
        response = await self._panel.render(request, "error.html", context, status=status)
        headers = MutableHeaders(raw=list(start["headers"]))
        headers.update({name: response.headers[name] for name in ("content-type", "content-length")})
        add_security_headers(headers, self._panel.policy)
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": response.body})


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "") == "application/problem+json"
