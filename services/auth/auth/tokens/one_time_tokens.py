"""One-time tokens of e-mails. Each serves one purpose, is short-lived and stored as a hash."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.one_time_tokens import TOKEN_TTLS, ensure_usable, may_send_email
from auth.errors import TokenUnknown, TokenUsed
from auth.models import OneTimeToken, User
from auth.tokens.opaque_tokens import digest, generate_token
from auth.types import TokenPurpose

RETENTION = timedelta(days=7)
"""After its expiry, a token is reported as expired or used for this long, then as unknown."""


async def issue(
    session: AsyncSession, user_id: UUID, purpose: TokenPurpose, *, email_key: str, now: datetime
) -> str | None:
    """Return a new token for an address's reader, or None if enough for the same purpose were sent."""
    same = (OneTimeToken.user_id == user_id) & (OneTimeToken.purpose == purpose)
    of_today = select(
        func.max(OneTimeToken.created_at).filter(OneTimeToken.used_at.is_(None)),
        func.count(),
    ).where(same, OneTimeToken.created_at > now - timedelta(days=1))
    last_unused_at, sent = (await session.execute(of_today)).one()
    if not may_send_email(now, last_unused_at=last_unused_at, sent_in_a_day=sent):
        return None
    await _delete_expired(session, now=now)
    token = generate_token()
    session.add(
        OneTimeToken(
            digest=digest(token),
            user_id=user_id,
            purpose=purpose,
            email_key=email_key,
            created_at=now,
            expires_at=now + TOKEN_TTLS[purpose],
        )
    )
    return token


async def _delete_expired(session: AsyncSession, *, now: datetime) -> None:
    # They may be other accounts', which are not locked here. What is in use is left to the next time.
    expired = select(OneTimeToken.digest).where(OneTimeToken.expires_at < now - RETENTION)
    free = expired.with_for_update(skip_locked=True)
    await session.execute(delete(OneTimeToken).where(OneTimeToken.digest.in_(free)))


async def check(session: AsyncSession, token: str, purpose: TokenPurpose, *, now: datetime) -> None:
    found, user = await get_with_owner(session, token, purpose)
    ensure_usable_by(user, found, now=now)


async def get_with_owner(
    session: AsyncSession, token: str, *purposes: TokenPurpose, lock: bool = False
) -> tuple[OneTimeToken, User]:
    """Return the token and its account. Raises TokenUnknown."""
    same = (OneTimeToken.digest == digest(token)) & OneTimeToken.purpose.in_(purposes)
    owner = select(User).where(User.id == select(OneTimeToken.user_id).where(same).scalar_subquery())
    # The account is locked first, as everywhere. Of two simultaneous uses, the second sees the first.
    user = await session.scalar(owner.with_for_update() if lock else owner)
    found = await session.scalar(select(OneTimeToken).where(same).execution_options(populate_existing=True))
    if user is None or found is None:
        raise TokenUnknown
    return found, user


def ensure_usable_by(user: User, found: OneTimeToken, *, now: datetime) -> None:
    ensure_usable(now, used_at=found.used_at, expires_at=found.expires_at)
    if found.email_key not in {None, user.email_key}:
        # The e-mail was under way when the account got another address.
        raise TokenUsed


async def redeem(session: AsyncSession, token: str, purpose: TokenPurpose, *, now: datetime) -> User:
    """Use the token up and return its account, locked. Raises TokenUnknown, TokenUsed, TokenExpired."""
    found, user = await get_with_owner(session, token, purpose, lock=True)
    ensure_usable_by(user, found, now=now)
    found.used_at = now
    return user


async def withdraw_all(session: AsyncSession, user_id: UUID, *, now: datetime) -> None:
    """Make all tokens that an account was sent so far unusable."""
    unused = (OneTimeToken.user_id == user_id) & OneTimeToken.used_at.is_(None)
    # Without an address they count for none, which tells them from used ones.
    await session.execute(update(OneTimeToken).where(unused).values(used_at=now, email_key=""))
