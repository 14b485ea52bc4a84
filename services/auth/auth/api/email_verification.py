from functools import partial

from fastapi import Depends, Request, Response
from shared.http.dependencies import DatabaseDep, SessionDep
from shared.http.ratelimit import limit_per_address

from auth.api.dependencies import (
    CurrentAccount,
    PasswordHasherDep,
    auth_errors,
    create_auth_router,
    create_profile_router,
    find_caller,
    limit_account,
)
from auth.commands import email_verification as commands
from auth.errors import (
    AccountProofRequired,
    EmailTaken,
    LastAdmin,
    PasswordNotSet,
    PasswordQueueFull,
    SignedOut,
    TokenExpired,
    TokenUnknown,
    TokenUsed,
    WrongPassword,
)
from auth.schemas.email_verification import RejectEmailRequest, VerifyEmailRequest

auth = create_auth_router()
profile = create_profile_router()


@auth.post(
    "/email/verify",
    status_code=204,
    response_description="The e-mail address is confirmed.",
    dependencies=[Depends(limit_per_address("verify", per_minute=100))],
    responses=auth_errors(
        TokenUnknown,
        TokenExpired,
        TokenUsed,
        SignedOut,
        AccountProofRequired,
        WrongPassword,
        PasswordNotSet,
        EmailTaken,
        PasswordQueueFull,
    ),
)
async def verify_email(
    request: Request,
    body: VerifyEmailRequest,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
) -> None:
    """Confirm an e-mail address with the token of the e-mail, valid for 24 hours, or one hour for a change.

    Access to the mailbox is not enough, because a stranger may have created the account: send the account's
    access token in the `Authorization` header, or its password. While the address is confirmed, sending the
    token again changes nothing and returns 204.
    """
    token, password = body.token.get_secret_value(), body.password
    if password is not None:
        await limit_account(request, "verify_token", token, per_minute=10)
    await commands.verify_email(
        database,
        passwords,
        token=token,
        find_caller=partial(find_caller, request),
        password=password.get_secret_value() if password else None,
    )


@auth.post(
    "/email/reject",
    status_code=204,
    response_description="The account is removed.",
    dependencies=[Depends(limit_per_address("reject", per_minute=100))],
    responses=auth_errors(TokenUnknown, TokenExpired, TokenUsed, LastAdmin),
)
async def reject_email(body: RejectEmailRequest, session: SessionDep) -> None:
    """Delete an unconfirmed account that someone else created with your e-mail address.

    Use the token of the confirmation e-mail. If the e-mail was about a change of
    address, only the change is cancelled. Once the address is confirmed, nothing is removed, and the error
    is `token_used`.
    """
    await commands.reject_email(session, body.token.get_secret_value())


@profile.post(
    "/me/email/verify",
    status_code=202,
    response_description="The request is accepted.",
    response_class=Response,
)
async def request_email_verification(account: CurrentAccount, session: SessionDep) -> None:
    """Request another e-mail with a link that confirms your address.

    Nothing is sent if the address is confirmed already, or if an e-mail was sent within the last minute,
    or five within a day.
    """
    commands.request_email_verification(session, account)
