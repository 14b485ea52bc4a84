"""The daily limit of e-mails to one address. It is independent of accounts, which anyone can create and
delete.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import SentEmail
from auth.tokens.opaque_tokens import compute_digest

PERIOD = timedelta(days=1)


async def is_exhausted(
    session: AsyncSession, purpose: str, email_key: str, *, now: datetime, max_per_day: int
) -> bool:
    same = (SentEmail.address_digest == compute_digest(email_key)) & (SentEmail.purpose == purpose)
    recent = select(func.count()).where(same, SentEmail.sent_at > now - PERIOD)
    return (await session.execute(recent)).scalar_one() >= max_per_day


async def record_sent(session: AsyncSession, purpose: str, email_key: str, *, now: datetime) -> None:
    expired = select(SentEmail.id).where(SentEmail.sent_at <= now - PERIOD)
    # Other workers purge the same rows.
    unlocked = expired.with_for_update(skip_locked=True)
    await session.execute(delete(SentEmail).where(SentEmail.id.in_(unlocked)))
    session.add(SentEmail(address_digest=compute_digest(email_key), purpose=purpose, sent_at=now))
