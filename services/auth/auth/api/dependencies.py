"""What the routes share: what they need, and how they answer a sign-in."""

import hashlib
from typing import Annotated

from fastapi import Depends, Request, Response
from shared.data.db import Database
from shared.http.dependencies import Session
from shared.http.ratelimit import RateLimits
from shared.security.current_user import CurrentUser

from auth import queries, schemas
from auth.commands import SignIn
from auth.domain import email_key
from auth.passwords.hasher import Passwords
from auth.social import SocialSignIn
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


async def _me(caller: CurrentUser, session: Session) -> schemas.User:
    return await queries.user_of(session, caller)


OpenDatabase = Annotated[Database, Depends(_database)]
Hashing = Annotated[Passwords, Depends(_passwords)]
Issuer = Annotated[AccessTokenIssuer, Depends(_issuer)]
Providers = Annotated[SocialSignIn, Depends(_social)]
Me = Annotated[schemas.User, Depends(_me)]
"""The account of a caller whose sign-in has not ended; others are refused."""


async def limit_account(
    request: Request, name: str, who: str, *, per_minute: int, fail_closed: bool = False
) -> None:
    """Limit what is tried on one account, by its address or its id, wherever it comes from."""
    limits: RateLimits = request.app.state.rate_limits
    # Redis is no place for personal data: it counts under a digest of the address.
    digest = hashlib.sha256(email_key(who).encode()).hexdigest()
    await limits.hit(request, name, digest, per_minute=per_minute, fail_closed=fail_closed)


def tokens(signed_in: SignIn, issuer: AccessTokenIssuer) -> schemas.Tokens:
    """The pair that a sign-in is answered with."""
    user = signed_in.user
    access_token = issuer.issue(user.id, user.role, session_id=signed_in.family_id)
    return schemas.Tokens(access_token=access_token, refresh_token=signed_in.refresh_token)


def welcome(signed_in: SignIn, issuer: AccessTokenIssuer) -> schemas.SignedIn:
    """The pair, and whose it is."""
    pair = tokens(signed_in, issuer)
    return schemas.SignedIn(user=schemas.User.model_validate(signed_in.user), **pair.model_dump())
