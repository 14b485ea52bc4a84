"""Links that are sent by e-mail: confirming an address, setting a new password."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends, Response
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address

from auth import commands
from auth.api.dependencies import Hashing, OpenDatabase, unstored
from auth.domain import email_key, ensure_strong
from auth.schemas import Forgotten, LinkToken, NewPassword

BAD_LINK: dict[int | str, dict[str, Any]] = {
    400: {"description": "`token_expired`, `token_used`, or `token_unknown`: ask for a new link."}
}
WEAK: dict[int | str, dict[str, Any]] = {
    422: {"description": "`weak_password`, or `validation_failed` naming the fields."}
}

router = APIRouter(prefix="/api/v1/auth", tags=["Auth"], dependencies=[Depends(unstored)])


@router.post(
    "/password/forgot",
    status_code=202,
    response_class=Response,
    dependencies=[Depends(per_address("forgot", per_minute=100))],
)
async def forgot_password(body: Forgotten, session: Session) -> None:
    """Ask for a link to set a new password, which is sent to the address if it has an account.

    The answer is the same if it has none. The link is good for an hour and one use; asking again within a
    minute sends no other.
    """
    commands.request_letter(session, "reset_password", email_key(body.email))


@router.post(
    "/password/reset",
    status_code=204,
    dependencies=[Depends(per_address("reset", per_minute=100))],
    responses={
        **BAD_LINK,
        422: {"description": "`weak_password`, or `validation_failed` naming the fields."},
    },
)
async def reset_password(body: NewPassword, database: OpenDatabase, passwords: Hashing) -> None:
    """Set a new password with the token of a link, and sign out everywhere.

    The link proves the address. Social sign-ins that have not proved the same address are removed.
    """
    token, password = body.token.get_secret_value(), body.password.get_secret_value()
    ensure_strong(password)
    # A link that is good for nothing is not worth the hashing; and no connection waits while it is done.
    async with database.transaction() as session:
        await commands.check_link(session, token, "reset_password", now=datetime.now(UTC))
    hashed = await passwords.hash(password)
    async with database.transaction() as session:
        await commands.reset_password(session, token, new_hash=hashed, now=datetime.now(UTC))


@router.post(
    "/email/verify",
    status_code=204,
    dependencies=[Depends(per_address("verify", per_minute=100))],
    responses=BAD_LINK,
)
async def verify_email(body: LinkToken, session: Session) -> None:
    """Confirm an e-mail address with the token of a link. The link is good for 24 hours and one use."""
    await commands.verify_email(session, body.token.get_secret_value(), now=datetime.now(UTC))
