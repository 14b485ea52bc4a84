"""What the routes share: what they need, and how they answer a sign-in."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from shared.data.db import Database
from shared.http.dependencies import Session
from shared.errors import Forbidden
from shared.http.ratelimit import RateLimits, per_user
from shared.security.current_user import Caller, CurrentUser

from auth.commands.sign_ins import SignIn
from auth.domain.users import email_key
from auth.errors import AccountGone
from auth.passwords.hasher import Passwords
from auth.queries.roles import role_of
from auth.queries.users import user_of
from auth.schemas.sign_ins import SignedIn, Tokens
from auth.schemas.users import UserRead
from auth.social.sign_in import SocialSignIn
from auth.tokens.access_tokens import AccessTokenIssuer


async def unstored(response: Response) -> None:
    """No cache on the way may keep a token (RFC 6749, section 5.1)."""
    response.headers["Cache-Control"] = "no-store"


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


async def _issuer(request: Request) -> AccessTokenIssuer:
    issuer: AccessTokenIssuer = request.app.state.issuer
    return issuer


async def _social(request: Request) -> SocialSignIn:
    social: SocialSignIn = request.app.state.social
    return social


async def _me(caller: CurrentUser, session: Session) -> UserRead:
    return await user_of(session, caller)


OpenDatabase = Annotated[Database, Depends(_database)]
Hashing = Annotated[Passwords, Depends(_passwords)]
Issuer = Annotated[AccessTokenIssuer, Depends(_issuer)]
Providers = Annotated[SocialSignIn, Depends(_social)]
Me = Annotated[UserRead, Depends(_me)]
"""The account of a caller whose sign-in has not ended; others are refused."""


async def limit_account(
    request: Request, name: str, who: str, *, per_minute: int, fail_closed: bool = False
) -> None:
    """Limit what is tried on one account, by its address or its id, wherever it comes from."""
    limits: RateLimits = request.app.state.rate_limits
    # Redis is no place for personal data: it counts under a digest of the address.
    digest = hashlib.sha256(email_key(who).encode()).hexdigest()
    await limits.hit(request, name, digest, per_minute=per_minute, fail_closed=fail_closed)


def tokens(signed_in: SignIn, issuer: AccessTokenIssuer) -> Tokens:
    """The pair that a sign-in is answered with."""
    user = signed_in.user
    access_token = issuer.issue(user.id, user.role, session_id=signed_in.family_id)
    return Tokens(access_token=access_token, refresh_token=signed_in.refresh_token)


def welcome(signed_in: SignIn, issuer: AccessTokenIssuer) -> SignedIn:
    """The pair, and whose it is."""
    pair = tokens(signed_in, issuer)
    return SignedIn(user=UserRead.model_validate(signed_in.user), **pair.model_dump())


BAD_LINK: dict[int | str, dict[str, Any]] = {
    400: {"description": "`token_expired`, `token_used`, or `token_unknown`: ask for a new link."}
}


def auth_router() -> APIRouter:
    """A router of routes that need no access token."""
    return APIRouter(prefix="/api/v1/auth", tags=["Auth"], dependencies=[Depends(unstored)])


def profile_router() -> APIRouter:
    """A router of routes on one's own account."""
    return APIRouter(
        prefix="/api/v1/users",
        tags=["Profile"],
        dependencies=[Depends(per_user("profile", per_minute=100)), Depends(unstored)],
        responses={
            401: {"description": "`unauthorized`: no token, or not a good one, or its sign-in has ended."}
        },
    )


def admin_router() -> APIRouter:
    """A router of routes for admins."""
    return APIRouter(
        prefix="/api/v1/admin",
        tags=["Admin"],
        dependencies=[Depends(per_user("admin", per_minute=200)), Depends(unstored)],
        responses={
            401: {"description": "`unauthorized`: no token, or not a good one, or its sign-in has ended."},
            403: {"description": "`forbidden`: for admins only."},
        },
    )


async def _admin(caller: CurrentUser, session: Session) -> Caller:
    """An admin by what the database says: an old token must not bring a withdrawn role back."""
    role = await role_of(session, caller)
    if role is None:
        raise AccountGone
    if role != "admin":
        raise Forbidden("Only an admin may do this.")
    return caller


Admin = Annotated[Caller, Depends(_admin)]
