"""Links in e-mails: 256 random bits, known to the database by hash, good for one use and not for long."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.one_time_tokens import EMAIL_COOLDOWN, RESET_TOKEN_TTL, VERIFICATION_TOKEN_TTL, ensure_usable
from auth.errors import TokenUnknown
from auth.models import OneTimeToken, User
from auth.tokens.opaque_tokens import digest, generate_token
from auth.types import TokenPurpose

TOKEN_TTLS: dict[TokenPurpose, timedelta] = {
    "verify_email": VERIFICATION_TOKEN_TTL,
    "reset_password": RESET_TOKEN_TTL,
}
TOKEN_RETENTION = timedelta(days=7)
"""How long an old link is told to be expired or used, instead of unknown."""


async def issue(session: AsyncSession, user_id: UUID, purpose: TokenPurpose, *, now: datetime) -> str | None:
    """A new token for a link, or None when one for the same purpose has just been sent."""
    mine = (OneTimeToken.user_id == user_id) & (OneTimeToken.purpose == purpose)
    recent = OneTimeToken.used_at.is_(None) & (OneTimeToken.created_at > now - EMAIL_COOLDOWN)
    if await session.scalar(select(OneTimeToken.digest).where(mine, recent).limit(1)):
        return None
    await session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < now - TOKEN_RETENTION))
    token = generate_token()
    session.add(
        OneTimeToken(
            digest=digest(token),
            user_id=user_id,
            purpose=purpose,
            created_at=now,
            expires_at=now + TOKEN_TTLS[purpose],
        )
    )
    return token


async def check_link(session: AsyncSession, token: str, purpose: TokenPurpose, *, now: datetime) -> None:
    """Raise TokenUnknown, TokenUsed or TokenExpired unless the link could be used now."""
    found = await session.get(OneTimeToken, digest(token))
    if found is None or found.purpose != purpose:
        raise TokenUnknown("This link is not valid; ask for a new one.")
    ensure_usable(now, used_at=found.used_at, expires_at=found.expires_at)


async def redeem(session: AsyncSession, token: str, purpose: TokenPurpose, *, now: datetime) -> User:
    """The account that a link was sent for; the link is used up."""
    sent = select(OneTimeToken.user_id).where(
        OneTimeToken.digest == digest(token), OneTimeToken.purpose == purpose
    )
    # The account is locked first, as everywhere: of two uses at once the second sees the first.
    owner = select(User).where(User.id == sent.scalar_subquery()).with_for_update()
    user = await session.scalar(owner)
    if user is None:
        raise TokenUnknown("This link is not valid; ask for a new one.")
    link = await session.get_one(OneTimeToken, digest(token), populate_existing=True)
    ensure_usable(now, used_at=link.used_at, expires_at=link.expires_at)
    link.used_at = now
    return user


async def withdraw_all(session: AsyncSession, user_id: UUID, *, now: datetime) -> None:
    """Make the links that were sent so far good for nothing."""
    open_links = (OneTimeToken.user_id == user_id) & OneTimeToken.used_at.is_(None)
    await session.execute(update(OneTimeToken).where(open_links).values(used_at=now))
