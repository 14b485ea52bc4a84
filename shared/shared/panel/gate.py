"""The checks of every page request: token, role, share, rate limit and CSRF protection."""

import hmac
from contextlib import ExitStack

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Forbidden, ParleyError, Unauthorized
from shared.http.problems import to_response
from shared.http.ratelimit import RateLimits
from shared.http.same_origin import is_same_origin
from shared.panel.access import EDITORS
from shared.panel.csv_export import ExportLocks
from shared.panel.form_data import CSRF_FIELD, has_form, read_form
from shared.panel.statics import STATICS
from shared.security.current_user import AccessTokenVerifier, Principal

CSRF_HEADER = "x-csrf-token"
REQUESTS_PER_MINUTE = 200
SAFE_METHODS = {"GET", "HEAD"}
SIGN_IN_AGAIN = "Your session has ended. Sign in again."


class CrossSiteRequest(Forbidden):
    """The form was sent by another site, or by an outdated page."""

    code = "cross_site_request"

    def __init__(self) -> None:
        super().__init__("This was not sent from the panel's own page. Reload the page and try again.")


class PanelGate:
    """The middleware of the mount. `outer` is the application in which the panel is mounted."""

    def __init__(self, app: ASGIApp, *, outer: FastAPI, policy: str) -> None:
        self._app, self._outer, self._policy = app, outer, policy
        self._exports = ExportLocks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        guarded = _SecuredResponse(send, self._policy).send
        request = Request(scope, receive)
        with ExitStack() as export_slot:
            try:
                if not _is_static(request):
                    await self._admit(request)
                    export_slot.enter_context(self._exports.take(request))
            except ParleyError as error:
                response = to_response(error, request_id=request.state.request_id)
                return await response(scope, receive, guarded)
            await self._app(scope, receive, guarded)

    async def _admit(self, request: Request) -> None:
        principal = await self._authenticate(request)
        request.state.user_id = principal.id
        if principal.role not in EDITORS:
            raise Forbidden("This is a learner's account. The panel is for editors and admins.")
        request.state.panel_principal = principal
        # Error pages are rendered outside all middlewares.
        request.state.panel_page["principal"] = principal
        if (acquire_share := getattr(request.state, "acquire_share", None)) is not None:
            await acquire_share(principal.id)
        limits: RateLimits = self._outer.state.rate_limits
        await limits.check(request, "admin", str(principal.id), per_minute=REQUESTS_PER_MINUTE)
        if request.method not in SAFE_METHODS:
            await _verify_csrf(request, principal)

    async def _authenticate(self, request: Request) -> Principal:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized(SIGN_IN_AGAIN)
        verifier: AccessTokenVerifier = self._outer.state.token_verifier
        return await verifier.authenticate(token)


async def _verify_csrf(request: Request, principal: Principal) -> None:
    """Raise CrossSiteRequest unless the request has our origin and the CSRF token."""
    if not is_same_origin(request) or not principal.csrf:
        raise CrossSiteRequest
    sent = request.headers.get(CSRF_HEADER, "")
    if has_form(request):
        form = await read_form(request)
        sent = sent or str(form.get(CSRF_FIELD, ""))
    if not hmac.compare_digest(sent.encode(), principal.csrf.encode()):
        raise CrossSiteRequest


def _is_static(request: Request) -> bool:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return bool(path.startswith(f"{STATICS}/"))


class _SecuredResponse:
    def __init__(self, send: Send, policy: str) -> None:
        self._send, self._policy = send, policy

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            add_security_headers(MutableHeaders(scope=message), self._policy)
        await self._send(message)


def add_security_headers(headers: MutableHeaders, policy: str) -> None:
    headers.setdefault("Content-Security-Policy", policy)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    # Without a referrer, browsers would not send a form's origin either.
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")


def is_navigation(headers: Headers) -> bool:
    """Return whether the browser navigates, as opposed to a script's request."""
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else "text/html" in headers.get("accept", "")
