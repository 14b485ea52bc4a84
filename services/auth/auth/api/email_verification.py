"""Confirming addresses."""

from datetime import UTC, datetime

from fastapi import Depends, Response
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address

from auth.api.dependencies import BAD_LINK, Me, auth_router, profile_router
from auth.commands.email_verification import verify_email as verify
from auth.commands.emails import request_letter
from auth.domain.users import email_key
from auth.schemas.email_verification import LinkToken

auth = auth_router()
profile = profile_router()


@auth.post(
    "/email/verify",
    status_code=204,
    dependencies=[Depends(per_address("verify", per_minute=100))],
    responses=BAD_LINK,
)
async def verify_email(body: LinkToken, session: Session) -> None:
    """Confirm an e-mail address with the token of a link. The link is good for 24 hours and one use."""
    await verify(session, body.token.get_secret_value(), now=datetime.now(UTC))


@profile.post("/me/email/verify", status_code=202, response_class=Response)
async def ask_to_verify_email(me: Me, session: Session) -> None:
    """Ask for another link to confirm the account's address. Nothing is sent if it is confirmed already."""
    if not me.email_verified:
        request_letter(session, "verify_email", email_key(me.email))
