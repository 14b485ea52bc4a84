from fastapi import Depends, Response
from shared.http.dependencies import DatabaseDep
from shared.http.ratelimit import ClientAddress, limit_per_address

from auth.api.dependencies import (
    KnownAddressesDep,
    PasswordHasherDep,
    auth_errors,
    create_auth_router,
    is_known_address,
)
from auth.commands import password_resets as commands
from auth.errors import PasswordQueueFull, TokenExpired, TokenUnknown, TokenUsed, WeakPassword
from auth.schemas.password_resets import ForgotPasswordRequest, ResetPasswordRequest

auth = create_auth_router()


@auth.post(
    "/password/forgot",
    status_code=202,
    response_description="The request is accepted, whether the address has an account or not.",
    response_class=Response,
    dependencies=[Depends(limit_per_address("forgot", per_minute=100))],
)
async def request_password_reset(
    body: ForgotPasswordRequest,
    database: DatabaseDep,
    known_addresses: KnownAddressesDep,
    client_address: ClientAddress,
) -> None:
    """Request an e-mail with a link to set a new password, valid for one hour and one use.

    The response does not reveal whether the address has an account. Requests within a minute send one e-mail,
    and an address gets at most five a day. Requests from a client address from which the account signed in
    during the last 30 days can send five more.
    """
    is_known = await is_known_address(
        database, known_addresses, email=body.email, client_address=client_address
    )
    async with database.transaction() as session:
        commands.request_password_reset(session, body.email, from_known_address=is_known)


@auth.post(
    "/password/reset",
    status_code=204,
    response_description="The new password is set.",
    dependencies=[Depends(limit_per_address("reset", per_minute=100))],
    responses=auth_errors(TokenUnknown, TokenExpired, TokenUsed, WeakPassword, PasswordQueueFull),
)
async def reset_password(
    body: ResetPasswordRequest, database: DatabaseDep, passwords: PasswordHasherDep
) -> None:
    """Set a new password with the token of the e-mail, and sign out everywhere.

    The token also confirms the e-mail address. Linked identities that have not proved the same address are
    removed. So are name and picture if the address was not confirmed before.
    """
    await commands.reset_password(
        database, passwords, token=body.token.get_secret_value(), password=body.password.get_secret_value()
    )
