"""Signing in and out, and staying signed in."""

from datetime import UTC, datetime

from fastapi import Depends, Request
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address

from auth.api.dependencies import (
    AccessTokenIssuerDep,
    DatabaseDep,
    PasswordHasherDep,
    auth_router,
    limit_account,
    sign_in_response,
    token_pair,
)
from auth.commands import sign_ins as commands
from auth.errors import InvalidCredentials, InvalidRefreshToken
from auth.queries import sign_ins as queries
from auth.schemas.sign_ins import LoginRequest, LoginResponse, RefreshRequest, TokenPair

LOGINS_PER_MINUTE = 10


auth = auth_router()


@auth.post(
    "/login",
    dependencies=[Depends(per_address("login", per_minute=LOGINS_PER_MINUTE, fail_closed=True))],
    responses={401: {"description": "`invalid_credentials`: whether the account exists is not told."}},
)
async def log_in(
    request: Request,
    body: LoginRequest,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
    issuer: AccessTokenIssuerDep,
) -> LoginResponse:
    """Sign in. Each sign-in has its own line of refresh tokens, and ends 30 days after the last of them."""
    await limit_account(request, "login_account", body.email, per_minute=LOGINS_PER_MINUTE, fail_closed=True)
    # Two transactions, because hashing may have to wait, and a connection must not wait with it.
    async with database.transaction() as session:
        known = await queries.find_credential_by_email(session, body.email)
    right, upgraded = await passwords.verify(
        body.password.get_secret_value(), known.password_hash if known else None
    )
    if known is None or not right:
        raise InvalidCredentials
    async with database.transaction() as session:
        signed_in = await commands.log_in(session, known, upgraded_hash=upgraded, now=datetime.now(UTC))
    return sign_in_response(signed_in, issuer)


@auth.post(
    "/refresh",
    dependencies=[Depends(per_address("refresh", per_minute=100))],
    responses={401: {"description": "`invalid_refresh_token`: sign in again."}},
)
async def refresh_tokens(
    body: RefreshRequest, database: DatabaseDep, issuer: AccessTokenIssuerDep
) -> TokenPair:
    """Exchange a refresh token for a new pair.

    A refresh token is good for one use. For ten seconds more it gets the same successor again, in case the
    answer was lost; after that, its use is taken for theft and ends the whole sign-in.
    """
    async with database.transaction() as session:
        signed_in = await commands.refresh_tokens(
            session, body.refresh_token.get_secret_value(), now=datetime.now(UTC)
        )
    # Raised when the transaction is kept, because it may have revoked the family.
    if signed_in is None:
        raise InvalidRefreshToken("The refresh token is not valid any more; sign in again.")
    return token_pair(signed_in, issuer)


@auth.post("/logout", status_code=204, dependencies=[Depends(per_address("logout", per_minute=100))])
async def log_out(body: RefreshRequest, session: Session) -> None:
    """End a sign-in: none of its refresh tokens is good any more. A token nobody knows is fine, too."""
    await commands.log_out(session, body.refresh_token.get_secret_value(), now=datetime.now(UTC))
