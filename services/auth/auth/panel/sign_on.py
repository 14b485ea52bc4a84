"""Signing on to and off the panel, for the pages of all services."""

import hmac
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from shared.clock import utc_now
from shared.errors import MalformedForm, ParleyError, Unauthorized
from shared.http.dependencies import DatabaseDep, SessionDep
from shared.http.ratelimit import ClientAddress, limit_per_address
from shared.http.same_origin import is_same_origin
from shared.panel.gate import CrossSiteRequest
from starlette.responses import RedirectResponse, Response

from auth.api.dependencies import (
    LOGINS_PER_MINUTE,
    AccessTokenIssuerDep,
    KnownAddressesDep,
    PasswordHasherDep,
    limit_log_in,
)
from auth.commands import panel_sessions as commands
from auth.domain.panel_sessions import limit_to_session
from auth.domain.sign_ins import ACCESS_TOKEN_TTL
from auth.panel.access import find_access, issue_token
from auth.panel.cookies import delete_cookie, has_cookie, read_cookie, set_cookie
from auth.panel.destinations import HOME, LOGIN, clean_destination
from auth.panel.form import SignOnForm, read_fields, to_sign_on_form
from auth.panel.page import SESSION_ENDED_MESSAGE, render_sign_on

router = APIRouter(prefix="/admin", include_in_schema=False)

# The same limit as the API's login, so that both ways to sign in count together.
limit_address = limit_per_address("login", per_minute=LOGINS_PER_MINUTE, fail_closed=True)
FIRST_PAGE = "/admin/content/speeches"


class ScriptToken(BaseModel):
    access_token: str
    expires_in: int


@router.get("")
@router.get("/")
async def open_panel(request: Request, session: SessionDep) -> Response:
    access = await find_access(session, request, now=utc_now())
    return RedirectResponse(FIRST_PAGE if access else LOGIN, 303)


@router.get("/login")
async def show_sign_on(request: Request, session: SessionDep) -> Response:
    destination = clean_destination(request.query_params.get("next", ""))
    if await find_access(session, request, now=utc_now()):
        return RedirectResponse(destination, 303)
    return await render_sign_on(
        request, SignOnForm(next=destination), notice=SESSION_ENDED_MESSAGE if has_cookie(request) else ""
    )


@router.post("/login")
async def sign_on(
    request: Request,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
    known_addresses: KnownAddressesDep,
    client_address: ClientAddress,
) -> Response:
    form = SignOnForm()
    try:
        form = to_sign_on_form(await read_fields(request))
        ensure_same_origin(request)
        await limit_address(request, client_address)
        name, password = form.to_credentials()
        await limit_log_in(request, database, known_addresses, email=name, client_address=client_address)
        sent = commands.SubmittedCredentials(name, password, read_cookie(request))
        signed_on = await commands.sign_on(database, passwords, request.app.state.operator, sent)
    except ParleyError as error:
        return await render_sign_on(request, form, error=error)
    await known_addresses.remember(signed_on.user.address_key, client_address)
    response = RedirectResponse(clean_destination(form.next), 303)
    set_cookie(request, response, signed_on.cookie)
    return response


@router.get("/logout")
async def return_to_panel() -> Response:
    # A link must not sign anyone out.
    return RedirectResponse(HOME, 303)


@router.post("/logout")
async def sign_off(request: Request, session: SessionDep) -> Response:
    try:
        fields = await read_fields(request)
        access = await find_access(session, request, now=utc_now())
        if access is not None:
            ensure_same_origin(request)
            ensure_csrf_token(fields.get("csrf_token"), access.csrf_token)
            await commands.sign_off(session, read_cookie(request) or "")
    except (CrossSiteRequest, MalformedForm) as error:
        return await render_sign_on(request, SignOnForm(), error=error)
    response = RedirectResponse(LOGIN, 303)
    delete_cookie(request, response)
    return response


@router.post("/token")
async def issue_script_token(request: Request, session: SessionDep, issuer: AccessTokenIssuerDep) -> Any:
    """Issue an API access token for the page's scripts, which keep it only in memory."""
    now = utc_now()
    access = await find_access(session, request, now=now)
    if access is None:
        raise Unauthorized("Your session has ended. Sign in again.")
    ensure_same_origin(request)
    ensure_csrf_token(request.headers.get("x-csrf-token"), access.csrf_token)
    ttl = limit_to_session(ACCESS_TOKEN_TTL, now=now, session_ends_at=access.expires_at)
    token = issue_token(issuer, access, ttl=ttl, now=now)
    return ScriptToken(access_token=token, expires_in=int(ttl.total_seconds()))


def ensure_same_origin(request: Request) -> None:
    if not is_same_origin(request):
        raise CrossSiteRequest


def ensure_csrf_token(sent: str | None, expected: str) -> None:
    if not hmac.compare_digest((sent or "").encode(), expected.encode()):
        raise CrossSiteRequest
