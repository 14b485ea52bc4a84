"""Setting a new password by a link."""

from datetime import UTC, datetime

from fastapi import Depends, Response
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address

from auth.api.dependencies import BAD_LINK, DatabaseDep, PasswordHasherDep, auth_router
from auth.commands.emails import request_email
from auth.commands.password_resets import reset_password as reset
from auth.domain.users import canonical_email
from auth.passwords.policy import ensure_strong_password
from auth.schemas.password_resets import ForgotPasswordRequest, ResetPasswordRequest
from auth.tokens import one_time_tokens

auth = auth_router()


@auth.post(
    "/password/forgot",
    status_code=202,
    response_class=Response,
    dependencies=[Depends(per_address("forgot", per_minute=100))],
)
async def request_password_reset(body: ForgotPasswordRequest, session: Session) -> None:
    """Ask for a link to set a new password, which is sent to the address if it has an account.

    The answer is the same if it has none. The link is good for an hour and one use; asking again within a
    minute sends no other.
    """
    request_email(session, "reset_password", canonical_email(body.email))


@auth.post(
    "/password/reset",
    status_code=204,
    dependencies=[Depends(per_address("reset", per_minute=100))],
    responses={
        **BAD_LINK,
        422: {"description": "`weak_password`, or `validation_failed` naming the fields."},
    },
)
async def reset_password(
    body: ResetPasswordRequest, database: DatabaseDep, passwords: PasswordHasherDep
) -> None:
    """Set a new password with the token of a link, and sign out everywhere.

    The link proves the address. Social sign-ins that have not proved the same address are removed.
    """
    token, password = body.token.get_secret_value(), body.password.get_secret_value()
    ensure_strong_password(password)
    # A link that is good for nothing is not worth the hashing; and no connection waits while it is done.
    async with database.transaction() as session:
        await one_time_tokens.check_link(session, token, "reset_password", now=datetime.now(UTC))
    hashed = await passwords.hash(password)
    async with database.transaction() as session:
        await reset(session, token, new_hash=hashed, now=datetime.now(UTC))
