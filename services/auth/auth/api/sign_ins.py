"""Signing in with a password, staying signed in, and signing out."""

from fastapi import Depends, Request
from shared.errors import Unavailable
from shared.http.dependencies import DatabaseDep, SessionDep
from shared.http.ratelimit import ClientAddress, limit_per_address

from auth.api.dependencies import (
    LOGINS_PER_MINUTE,
    AccessTokenIssuerDep,
    KnownAddressesDep,
    PasswordHasherDep,
    auth_errors,
    create_auth_router,
    create_sign_in_response,
    create_token_pair,
    limit_log_in,
    limit_refresh,
)
from auth.commands import sign_ins as commands
from auth.errors import AccountLocked, InvalidCredentials, InvalidRefreshToken, PasswordQueueFull
from auth.schemas.sign_ins import LoginRequest, LoginResponse, LogoutRequest, RefreshRequest, TokenPair

auth = create_auth_router()


@auth.post(
    "/login",
    response_description="The account, and the tokens of the new session.",
    dependencies=[Depends(limit_per_address("login", per_minute=LOGINS_PER_MINUTE, fail_closed=True))],
    responses=auth_errors(InvalidCredentials, AccountLocked, PasswordQueueFull, Unavailable),
)
async def log_in(
    request: Request,
    body: LoginRequest,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
    issuer: AccessTokenIssuerDep,
    known_addresses: KnownAddressesDep,
    client_address: ClientAddress,
) -> LoginResponse:
    """Sign in with an e-mail address and a password.

    The session ends 30 days after its last refresh. The response does not reveal whether an address is known.
    At most 10 attempts per minute are allowed for a client address, and 10 for an account. Each client
    address from which the account signed in during the last 30 days has its own 10 attempts.
    """
    await limit_log_in(request, database, known_addresses, email=body.email, client_address=client_address)
    signed_in = await commands.log_in(
        database, passwords, email=body.email, password=body.password.get_secret_value()
    )
    await known_addresses.remember(signed_in.user.address_key, client_address)
    return create_sign_in_response(signed_in, issuer)


@auth.post(
    "/refresh",
    response_description="The new tokens of the session.",
    responses=auth_errors(InvalidRefreshToken, AccountLocked),
)
async def refresh_tokens(
    request: Request,
    body: RefreshRequest,
    database: DatabaseDep,
    issuer: AccessTokenIssuerDep,
    client_address: ClientAddress,
) -> TokenPair:
    """Exchange a refresh token for a new pair of tokens.

    A refresh token can be used once. If the response was lost, sending the same token again returns the same
    refresh token, until that one has been used. Reuse after that is treated as theft and ends the session.
    At most 100 unknown tokens per minute are allowed for a client address, and 100 requests for a session.
    """
    refresh_token = body.refresh_token.get_secret_value()
    await limit_refresh(request, database, refresh_token, client_address=client_address)
    signed_in = await commands.refresh_tokens(database, refresh_token)
    return create_token_pair(signed_in, issuer)


@auth.post(
    "/logout",
    status_code=204,
    response_description="You are signed out.",
    dependencies=[Depends(limit_per_address("logout", per_minute=100))],
)
async def log_out(body: LogoutRequest, session: SessionDep) -> None:
    """Sign out and revoke all tokens of the session. Unknown tokens are accepted and ignored.

    Access tokens of the session are refused within a second.
    """
    await commands.log_out(session, body.refresh_token.get_secret_value())
