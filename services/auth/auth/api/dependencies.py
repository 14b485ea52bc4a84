"""What the routes share: what they need, and how they answer a sign-in."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from shared.data.db import Database
from shared.http.dependencies import Session
from shared.errors import Forbidden
from shared.http.ratelimit import RateLimits, per_user
from shared.security.current_user import Caller, CurrentUser

from auth.commands.sign_ins import AuthenticatedSession
from auth.domain.users import canonical_email
from auth.errors import SignedOut
from auth.passwords.hasher import PasswordHasher
from auth.queries.roles import find_role
from auth.queries.users import get_current_user
from auth.schemas.sign_ins import LoginResponse, TokenPair
from auth.schemas.users import UserRead
from auth.social.sign_in import SocialSignIn
from auth.tokens.access_tokens import AccessTokenIssuer


async def no_store(response: Response) -> None:
    """No cache on the way may keep a token (RFC 6749, section 5.1)."""
    response.headers["Cache-Control"] = "no-store"


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _passwords(request: Request) -> PasswordHasher:
    passwords: PasswordHasher = request.app.state.passwords
    return passwords


async def _issuer(request: Request) -> AccessTokenIssuer:
    issuer: AccessTokenIssuer = request.app.state.issuer
    return issuer


async def _social(request: Request) -> SocialSignIn:
    social: SocialSignIn = request.app.state.social
    return social


async def _me(caller: CurrentUser, session: Session) -> UserRead:
    return await get_current_user(session, caller)


DatabaseDep = Annotated[Database, Depends(_database)]
PasswordHasherDep = Annotated[PasswordHasher, Depends(_passwords)]
AccessTokenIssuerDep = Annotated[AccessTokenIssuer, Depends(_issuer)]
SocialSignInDep = Annotated[SocialSignIn, Depends(_social)]
CurrentAccount = Annotated[UserRead, Depends(_me)]
"""The account of a caller whose sign-in has not ended; others are refused."""


async def limit_account(
    request: Request, name: str, who: str, *, per_minute: int, fail_closed: bool = False
) -> None:
    """Limit what is tried on one account, by its address or its id, wherever it comes from."""
    limits: RateLimits = request.app.state.rate_limits
    # Redis is no place for personal data: it counts under a digest of the address.
    digest = hashlib.sha256(canonical_email(who).encode()).hexdigest()
    await limits.hit(request, name, digest, per_minute=per_minute, fail_closed=fail_closed)


def token_pair(signed_in: AuthenticatedSession, issuer: AccessTokenIssuer) -> TokenPair:
    """The pair that a sign-in is answered with."""
    user = signed_in.user
    access_token = issuer.issue(user.id, user.role, session_id=signed_in.family_id)
    return TokenPair(access_token=access_token, refresh_token=signed_in.refresh_token)


def sign_in_response(signed_in: AuthenticatedSession, issuer: AccessTokenIssuer) -> LoginResponse:
    """The pair, and whose it is."""
    pair = token_pair(signed_in, issuer)
    return LoginResponse(user=UserRead.model_validate(signed_in.user), **pair.model_dump())


BAD_LINK: dict[int | str, dict[str, Any]] = {
    400: {"description": "`token_expired`, `token_used`, or `token_unknown`: ask for a new link."}
}


def auth_router() -> APIRouter:
    """A router of routes that need no access token."""
    return APIRouter(prefix="/api/v1/auth", tags=["Auth"], dependencies=[Depends(no_store)])


def profile_router() -> APIRouter:
    """A router of routes on one's own account."""
    return APIRouter(
        prefix="/api/v1/users",
        tags=["Profile"],
        dependencies=[Depends(per_user("profile", per_minute=100)), Depends(no_store)],
        responses={
            401: {"description": "`unauthorized`: no token, or not a good one, or its sign-in has ended."}
        },
    )


def admin_router() -> APIRouter:
    """A router of routes for admins."""
    return APIRouter(
        prefix="/api/v1/admin",
        tags=["Admin"],
        dependencies=[Depends(per_user("admin", per_minute=200)), Depends(no_store)],
        responses={
            401: {"description": "`unauthorized`: no token, or not a good one, or its sign-in has ended."},
            403: {"description": "`forbidden`: for admins only."},
        },
    )


async def _admin(caller: CurrentUser, session: Session) -> Caller:
    """An admin by what the database says: an old token must not bring a withdrawn role back."""
    role = await find_role(session, caller)
    if role is None:
        raise SignedOut
    if role != "admin":
        raise Forbidden("Only an admin may do this.")
    return caller


CurrentAdmin = Annotated[Caller, Depends(_admin)]
