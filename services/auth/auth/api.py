"""The HTTP routes of the auth service."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from shared.db import Database, Session
from shared.ratelimit import RateLimits, per_address, per_user
from shared.tokens import CurrentUser
from starlette.responses import JSONResponse

from auth import commands, queries
from auth.access_tokens import AccessTokenIssuer
from auth.commands import SignIn
from auth.domain import InvalidCredentials, InvalidRefreshToken, email_key, ensure_strong
from auth.passwords import Passwords
from auth.schemas import Credentials, PresentedToken, ProfileChanges, Registration, SignedIn, Tokens, User

JWKS_SECONDS = 300
LOGINS_PER_MINUTE = 10


async def _unstored(response: Response) -> None:
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


OpenDatabase = Annotated[Database, Depends(_database)]
Hashing = Annotated[Passwords, Depends(_passwords)]
Issuer = Annotated[AccessTokenIssuer, Depends(_issuer)]

keys = APIRouter(tags=["Auth"])
auth = APIRouter(prefix="/api/v1/auth", tags=["Auth"], dependencies=[Depends(_unstored)])
profile = APIRouter(
    prefix="/api/v1/users",
    tags=["Profile"],
    dependencies=[Depends(per_user("profile", per_minute=100))],
    responses={401: {"description": "`unauthorized`: no token, or not a good one."}},
)


@keys.get("/.well-known/jwks.json")
async def jwks(request: Request) -> JSONResponse:
    """The public keys that access tokens are signed with, as a JWK set (RFC 7517)."""
    age = f"public, max-age={JWKS_SECONDS}"
    return JSONResponse(request.app.state.jwks, headers={"Cache-Control": age})


@auth.post(
    "/register",
    status_code=201,
    dependencies=[Depends(per_address("register", per_minute=5))],
    responses={
        409: {"description": "`email_taken`: there is an account with this address."},
        422: {"description": "`weak_password`, or `validation_failed` naming the fields."},
    },
)
async def register(body: Registration, session: Session, passwords: Hashing, issuer: Issuer) -> SignedIn:
    """Open an account, and sign in to it.

    The address counts without regard to case. The password needs 8 to 128 characters, among them an
    upper-case letter, a lower-case letter and a digit, and must not be one of the commonest.
    """
    password = body.password.get_secret_value()
    ensure_strong(password)
    # The session takes no connection before its first query, so none is held while the password is hashed.
    hashed = await passwords.hash(password)
    signed_in = await commands.register(
        session, email=body.email, name=body.name, password_hash=hashed, now=datetime.now(UTC)
    )
    return _signed_in(signed_in, issuer)


@auth.post(
    "/login",
    dependencies=[Depends(per_address("login", per_minute=LOGINS_PER_MINUTE, fail_closed=True))],
    responses={401: {"description": "`invalid_credentials`: whether the account exists is not told."}},
)
async def login(
    request: Request, body: Credentials, database: OpenDatabase, passwords: Hashing, issuer: Issuer
) -> SignedIn:
    """Sign in. Each sign-in has its own line of refresh tokens, and ends 30 days after the last of them."""
    await _limit_account(request, body.email)
    # Two transactions, because hashing may have to wait, and a connection must not wait with it.
    async with database.transaction() as session:
        account = await queries.account_of(session, body.email)
    right, upgraded = await passwords.verify(
        body.password.get_secret_value(), account.password_hash if account else None
    )
    if account is None or not right:
        raise InvalidCredentials
    async with database.transaction() as session:
        signed_in = await commands.log_in(session, account.id, upgraded_hash=upgraded, now=datetime.now(UTC))
    return _signed_in(signed_in, issuer)


@auth.post(
    "/refresh",
    dependencies=[Depends(per_address("refresh", per_minute=100))],
    responses={401: {"description": "`invalid_refresh_token`: sign in again."}},
)
async def refresh(body: PresentedToken, database: OpenDatabase, issuer: Issuer) -> Tokens:
    """Exchange a refresh token for a new pair.

    A refresh token is good for one use. For ten seconds more it gets the same successor again, in case the
    answer was lost; after that, its use is taken for theft and ends the whole sign-in.
    """
    async with database.transaction() as session:
        signed_in = await commands.refresh(
            session, body.refresh_token.get_secret_value(), now=datetime.now(UTC)
        )
    # Raised when the transaction is kept, because it may have revoked the family.
    if signed_in is None:
        raise InvalidRefreshToken("The refresh token is not valid any more; sign in again.")
    return _tokens(signed_in, issuer)


@auth.post("/logout", status_code=204, dependencies=[Depends(per_address("logout", per_minute=100))])
async def logout(body: PresentedToken, session: Session) -> None:
    """End a sign-in: none of its refresh tokens is good any more. A token nobody knows is fine, too."""
    await commands.log_out(session, body.refresh_token.get_secret_value(), now=datetime.now(UTC))


@profile.get("/me")
async def me(caller: CurrentUser, session: Session) -> User:
    """The account of whoever asks."""
    return await queries.user_of(session, caller.id)


@profile.put("/me")
async def update_me(body: ProfileChanges, caller: CurrentUser, session: Session) -> User:
    """Change the name or the picture; what is left out stays as it is."""
    changes = body.model_dump(mode="json", exclude_unset=True)
    return User.model_validate(
        await commands.update_profile(session, caller.id, changes, now=datetime.now(UTC))
    )


async def _limit_account(request: Request, email: str) -> None:
    limits: RateLimits = request.app.state.rate_limits
    # Redis is no place for personal data: it counts under a digest of the address.
    who = hashlib.sha256(email_key(email).encode()).hexdigest()
    await limits.hit(request, "login_account", who, per_minute=LOGINS_PER_MINUTE, fail_closed=True)


def _tokens(signed_in: SignIn, issuer: AccessTokenIssuer) -> Tokens:
    user = signed_in.user
    return Tokens(access_token=issuer.issue(user.id, user.role), refresh_token=signed_in.refresh_token)


def _signed_in(signed_in: SignIn, issuer: AccessTokenIssuer) -> SignedIn:
    tokens = _tokens(signed_in, issuer)
    return SignedIn(user=User.model_validate(signed_in.user), **tokens.model_dump())
