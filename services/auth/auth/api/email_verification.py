"""Confirming addresses."""

from datetime import UTC, datetime

from fastapi import Depends, Response
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address

from auth.api.dependencies import BAD_LINK, CurrentAccount, auth_router, profile_router
from auth.commands.email_verification import verify_email as verify
from auth.commands.emails import request_email
from auth.domain.users import canonical_email
from auth.schemas.email_verification import VerifyEmailRequest

auth = auth_router()
profile = profile_router()


@auth.post(
    "/email/verify",
    status_code=204,
    dependencies=[Depends(per_address("verify", per_minute=100))],
    responses=BAD_LINK,
)
async def verify_email(body: VerifyEmailRequest, session: Session) -> None:
    """Confirm an e-mail address with the token of a link. The link is good for 24 hours and one use."""
    await verify(session, body.token.get_secret_value(), now=datetime.now(UTC))


@profile.post("/me/email/verify", status_code=202, response_class=Response)
async def request_email_verification(me: CurrentAccount, session: Session) -> None:
    """Ask for another link to confirm the account's address. Nothing is sent if it is confirmed already."""
    if not me.email_verified:
        request_email(session, "verify_email", canonical_email(me.email))
