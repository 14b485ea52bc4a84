from fastapi import Depends, Response
from shared.http.dependencies import SessionDep
from shared.http.ratelimit import per_address

from auth.api.dependencies import CurrentAccount, auth_errors, create_auth_router, create_profile_router
from auth.commands import email_verification as commands
from auth.errors import TokenExpired, TokenUnknown, TokenUsed
from auth.schemas.email_verification import VerifyEmailRequest

auth = create_auth_router()
profile = create_profile_router()


@auth.post(
    "/email/verify",
    status_code=204,
    response_description="The e-mail address is confirmed.",
    dependencies=[Depends(per_address("verify", per_minute=100))],
    responses=auth_errors(TokenUnknown, TokenExpired, TokenUsed),
)
async def verify_email(body: VerifyEmailRequest, session: SessionDep) -> None:
    """Confirm an e-mail address with the token of the e-mail, which is valid for 24 hours and one use."""
    await commands.verify_email(session, body.token.get_secret_value())


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
