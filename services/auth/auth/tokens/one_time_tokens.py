"""One-time tokens in e-mails. Each has one purpose, a short lifetime, and is stored as a hash."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.one_time_tokens import MAX_EMAILS_PER_DAY, TOKEN_TTLS, ensure_usable, may_send_email
from auth.domain.users import to_canonical_email
from auth.errors import TokenUnknown, TokenUsed
from auth.models import OneTimeToken, User
from auth.tokens.opaque_tokens import compute_digest, generate_token
from auth.types import TokenPurpose

RETENTION = timedelta(days=7)
"""After its expiry, a token is reported as expired or used for this long, then as unknown."""


async def issue(
    session: AsyncSession,
    user_id: UUID,
    purpose: TokenPurpose,
    *,
    email_key: str,
    now: datetime,
    max_per_day: int = MAX_EMAILS_PER_DAY,
) -> str | None:
    """Return a new token for this address, or None if the limit for its purpose is reached."""
    same = (OneTimeToken.user_id == user_id) & (OneTimeToken.purpose == purpose)
    sent_today = select(
        func.max(OneTimeToken.created_at).filter(OneTimeToken.used_at.is_(None)),
        func.count(),
    ).where(same, OneTimeToken.created_at > now - timedelta(days=1))
    last_unused_at, sent = (await session.execute(sent_today)).one()
    if not may_send_email(now, last_unused_at=last_unused_at, sent_in_a_day=sent, max_per_day=max_per_day):
        return None
    await _delete_expired(session, now=now)
    token = generate_token()
    session.add(
        OneTimeToken(
            digest=compute_digest(token),
            user_id=user_id,
            purpose=purpose,
            email_key=email_key,
            created_at=now,
            expires_at=now + TOKEN_TTLS[purpose],
        )
    )
    return token


async def _delete_expired(session: AsyncSession, *, now: datetime) -> None:
    # Expired tokens may belong to other accounts, which are not locked here, so rows in use are skipped.
    expired = select(OneTimeToken.digest).where(OneTimeToken.expires_at < now - RETENTION)
    unlocked = expired.with_for_update(skip_locked=True)
    await session.execute(delete(OneTimeToken).where(OneTimeToken.digest.in_(unlocked)))


async def ensure_valid(session: AsyncSession, token: str, purpose: TokenPurpose, *, now: datetime) -> None:
    one_time_token, user = await get_with_owner(session, token, purpose)
    ensure_usable_by(user, one_time_token, now=now)


async def get_with_owner(
    session: AsyncSession, token: str, *purposes: TokenPurpose, lock: bool = False
) -> tuple[OneTimeToken, User]:
    """Return the token and its account. Raises TokenUnknown."""
    same = (OneTimeToken.digest == compute_digest(token)) & OneTimeToken.purpose.in_(purposes)
    owner_id, email_key = (
        select(column).where(same).scalar_subquery()
        for column in (OneTimeToken.user_id, OneTimeToken.email_key)
    )
    # Accounts are locked first, as everywhere: the owner's, and any account that has the owner's new address.
    # Of two simultaneous uses of a token, the second sees the first.
    affected = (User.id == owner_id) | (User.email_key == email_key)
    users = select(User).where(affected).order_by(User.id).execution_options(populate_existing=True)
    accounts = (await session.scalars(users.with_for_update() if lock else users)).all()
    one_time_token = await session.scalar(
        select(OneTimeToken).where(same).execution_options(populate_existing=True)
    )
    user = next(
        (account for account in accounts if one_time_token and account.id == one_time_token.user_id), None
    )
    if user is None or one_time_token is None:
        raise TokenUnknown
    return one_time_token, user


def ensure_usable_by(user: User, one_time_token: OneTimeToken, *, now: datetime) -> None:
    ensure_usable(now, used_at=one_time_token.used_at, expires_at=one_time_token.expires_at)
    address = user.email_key
    if one_time_token.purpose == "change_email":
        address = find_pending_email_key(user, now=now)
    if one_time_token.email_key not in {None, address}:
        # The account's address has changed since the e-mail was requested.
        raise TokenUsed


def find_pending_email_key(user: User, *, now: datetime) -> str | None:
    """Return the canonical form of the new address if a change to it waits for confirmation."""
    if user.new_email is None or user.new_email_expires_at is None or user.new_email_expires_at <= now:
        return None
    return to_canonical_email(user.new_email)


async def count_sent_today(
    session: AsyncSession, user_id: UUID, purpose: TokenPurpose, *, now: datetime
) -> int:
    same = (OneTimeToken.user_id == user_id) & (OneTimeToken.purpose == purpose)
    sent_today = same & (OneTimeToken.created_at > now - timedelta(days=1))
    return (await session.execute(select(func.count()).where(sent_today))).scalar_one()


async def redeem(session: AsyncSession, token: str, purpose: TokenPurpose, *, now: datetime) -> User:
    """Mark the token as used and return its locked account. Raises TokenUnknown, TokenUsed, TokenExpired."""
    one_time_token, user = await get_with_owner(session, token, purpose, lock=True)
    ensure_usable_by(user, one_time_token, now=now)
    one_time_token.used_at = now
    return user


async def revoke_all(session: AsyncSession, user: User, *purposes: TokenPurpose, now: datetime) -> None:
    """Revoke the account's unused tokens for these purposes, or for all purposes if none is specified."""
    if not purposes or "change_email" in purposes:
        user.new_email = user.new_email_expires_at = None
    unused = (OneTimeToken.user_id == user.id) & OneTimeToken.used_at.is_(None)
    if purposes:
        unused &= OneTimeToken.purpose.in_(purposes)
    # The empty address matches no account, which distinguishes revoked tokens from used ones.
    await session.execute(update(OneTimeToken).where(unused).values(used_at=now, email_key=""))
