"""Links in e-mails: 256 random bits, known to the database by hash, good for one use and not for long."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain import LETTER_PAUSE, RESET_LIFETIME, VERIFICATION_LIFETIME
from auth.models import OneTimeToken
from auth.tokens.refresh_tokens import digest, new_token

Purpose = Literal["verify_email", "reset_password"]

LIFETIMES: dict[Purpose, timedelta] = {
    "verify_email": VERIFICATION_LIFETIME,
    "reset_password": RESET_LIFETIME,
}
REMEMBERED = timedelta(days=7)
"""How long an old link is told to be expired or used, instead of unknown."""


async def issue(session: AsyncSession, user_id: UUID, purpose: Purpose, *, now: datetime) -> str | None:
    """A new token for a link, or None when one for the same purpose has just been sent."""
    mine = (OneTimeToken.user_id == user_id) & (OneTimeToken.purpose == purpose)
    recent = OneTimeToken.used_at.is_(None) & (OneTimeToken.created_at > now - LETTER_PAUSE)
    if await session.scalar(select(OneTimeToken.digest).where(mine, recent).limit(1)):
        return None
    await session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < now - REMEMBERED))
    token = new_token()
    session.add(
        OneTimeToken(
            digest=digest(token),
            user_id=user_id,
            purpose=purpose,
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )
    )
    return token
