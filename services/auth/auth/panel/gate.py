"""Authorises panel requests for the gateway (Envoy's `ext_authz`)."""

from fastapi import APIRouter, Request
from shared.clock import utc_now
from shared.errors import Unauthorized
from shared.http.dependencies import SessionDep
from shared.http.problems import to_response
from starlette.responses import RedirectResponse, Response

from auth.api.dependencies import AccessTokenIssuerDep
from auth.domain.panel_sessions import PAGE_TOKEN_TTL
from auth.panel.access import find_access, issue_token
from auth.panel.destinations import create_login_url, find_return_page

PREFIX = "/internal/panel-session"
router = APIRouter(prefix=PREFIX, include_in_schema=False)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@router.api_route("/{path:path}", methods=METHODS)
async def admit_to_panel(request: Request, session: SessionDep, issuer: AccessTokenIssuerDep) -> Response:
    now = utc_now()
    access = await find_access(session, request, now=now)
    if access is None:
        return _reject(request)
    token = issue_token(issuer, access, ttl=PAGE_TOKEN_TTL, now=now, csrf=access.csrf_token)
    return Response(headers={"Authorization": f"Bearer {token}"})


def _reject(request: Request) -> Response:
    if not _is_navigation(request):
        error = Unauthorized("Your session has ended. Sign in again.")
        return to_response(error, request_id=request.state.request_id)
    target = request.url.path.removeprefix(PREFIX)
    if request.url.query:
        target += f"?{request.url.query}"
    return RedirectResponse(create_login_url(find_return_page(request, target)), 303)


def _is_navigation(request: Request) -> bool:
    mode = request.headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else "text/html" in request.headers.get("accept", "")
