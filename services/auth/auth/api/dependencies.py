"""What the routes have in common: dependencies, routers, and the responses to a sign-in."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from shared.data.db import Database
from shared.http.dependencies import Session
from shared.errors import Forbidden, Invalid, ParleyError, TooManyRequests, Unauthorized
from shared.http.ratelimit import RateLimits, per_user
from shared.security.current_user import Caller, CurrentUser

from auth.commands.sign_ins import AuthenticatedSession
from auth.domain.users import canonical_email
from auth.errors import SignedOut
from auth.export import GameClient
from auth.passwords import PasswordHasher
from auth.queries.roles import find_role
from auth.queries.users import get_current_user
from auth.schemas.sign_ins import LoginResponse, TokenPair
from auth.schemas.users import UserRead
from auth.social import SocialSignIn
from auth.tokens import AccessTokenIssuer


def _from_state(name: str) -> Any:
    async def get(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(get)


DatabaseDep = Annotated[Database, _from_state("database")]
PasswordHasherDep = Annotated[PasswordHasher, _from_state("passwords")]
AccessTokenIssuerDep = Annotated[AccessTokenIssuer, _from_state("issuer")]
SocialSignInDep = Annotated[SocialSignIn, _from_state("social")]
GameClientDep = Annotated[GameClient, _from_state("game")]


async def _current_account(caller: CurrentUser, session: Session) -> UserRead:
    return await get_current_user(session, caller)


CurrentAccount = Annotated[UserRead, Depends(_current_account)]
"""The caller's account; callers whose session has ended are refused."""


async def _current_admin(caller: CurrentUser, session: Session) -> Caller:
    """Check the role in the database: an older token may still carry a role that was withdrawn."""
    role = await find_role(session, caller)
    if role is None:
        raise SignedOut
    if role != "admin":
        raise Forbidden("Only an admin may do this.")
    return caller


CurrentAdmin = Annotated[Caller, Depends(_current_admin)]


async def no_store(response: Response) -> None:
    """Forbid caches to store tokens and personal data (RFC 6749, section 5.1)."""
    response.headers["Cache-Control"] = "no-store"


async def limit_account(
    request: Request, name: str, subject: str, *, per_minute: int, fail_closed: bool = False
) -> None:
    """Limit attempts on one account, by its address or id, from all client addresses together."""
    limits: RateLimits = request.app.state.rate_limits
    # Redis must not hold personal data, so the key is a digest.
    digest = hashlib.sha256(canonical_email(subject).encode()).hexdigest()
    await limits.hit(request, name, digest, per_minute=per_minute, fail_closed=fail_closed)


def token_pair(signed_in: AuthenticatedSession, issuer: AccessTokenIssuer) -> TokenPair:
    user = signed_in.user
    access_token = issuer.issue(user.id, user.role, session_id=signed_in.family_id)
    return TokenPair(access_token=access_token, refresh_token=signed_in.refresh_token)


def sign_in_response(signed_in: AuthenticatedSession, issuer: AccessTokenIssuer) -> LoginResponse:
    pair = token_pair(signed_in, issuer)
    return LoginResponse(user=UserRead.model_validate(signed_in.user), **pair.model_dump())


def error_responses(*errors: type[ParleyError]) -> dict[int | str, dict[str, Any]]:
    """Document the errors of an operation, by status: each code with the first line of its docstring."""
    lines: dict[int | str, list[str]] = {}
    for error in errors:
        summary = (error.__doc__ or error.title).partition("\n")[0]
        lines.setdefault(error.status, []).append(f"`{error.code}`: {summary}")
    return {status: {"description": "\n\n".join(texts)} for status, texts in lines.items()}


def auth_router() -> APIRouter:
    return APIRouter(
        prefix="/api/v1/auth",
        tags=["Auth"],
        dependencies=[Depends(no_store)],
        responses=error_responses(Invalid, TooManyRequests),
    )


def profile_router() -> APIRouter:
    return APIRouter(
        prefix="/api/v1/users",
        tags=["Profile"],
        dependencies=[Depends(per_user("profile", per_minute=100)), Depends(no_store)],
        responses=error_responses(Unauthorized, TooManyRequests),
    )


def admin_router() -> APIRouter:
    return APIRouter(
        prefix="/api/v1/admin",
        tags=["Admin"],
        dependencies=[
            Depends(per_user("admin", per_minute=200)),
            Depends(no_store),
            Depends(_current_admin),
        ],
        responses=error_responses(Unauthorized, Forbidden, Invalid, TooManyRequests),
    )
