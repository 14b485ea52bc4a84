"""Opening an account."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address

from auth import commands
from auth.api.dependencies import Hashing, Issuer, unstored, welcome
from auth.domain import ensure_strong
from auth.schemas import Registration, SignedIn

router = APIRouter(prefix="/api/v1/auth", tags=["Auth"], dependencies=[Depends(unstored)])


@router.post(
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

    The address counts without regard to case, and is sent a link to confirm it. The password needs 8 to 128
    characters, among them an upper-case letter, a lower-case letter and a digit, and must not be one of the
    commonest.
    """
    password = body.password.get_secret_value()
    ensure_strong(password)
    # The session takes no connection before its first query, so none is held while the password is hashed.
    hashed = await passwords.hash(password)
    signed_in = await commands.register(
        session, email=body.email, name=body.name, password_hash=hashed, now=datetime.now(UTC)
    )
    return welcome(signed_in, issuer)
