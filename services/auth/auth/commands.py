"""What the auth service changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from contracts.auth import UserRef, UserRegistered, UserUpdated
from shared.outbox import record
from shared.tokens import Role
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth import refresh_tokens
from auth.domain import (
    REFRESH_GRACE,
    REFRESH_LIFETIME,
    AccountGone,
    EmailTaken,
    InvalidCredentials,
    Verdict,
    email_key,
    judge,
)
from auth.models import RefreshFamily, RefreshToken, User

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SignIn:
    """Someone has proved who they are, and can go on proving it with this refresh token."""

    user: User
    refresh_token: str


async def create_user(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    password_hash: str,
    role: Role = "learner",
    email_verified: bool = False,
) -> User:
    """Open an account. Raises EmailTaken, also when another request takes the address at the same time."""
    values = {"email": email, "email_key": email_key(email), "name": name, "password_hash": password_hash}
    created = insert(User).values(**values, role=role, email_verified=email_verified)
    # A conflict is awaited by the database and reported as no row, where an error would end the transaction.
    created = created.on_conflict_do_nothing(index_elements=[User.email_key])
    user: User | None = await session.scalar(created.returning(User))
    if user is None:
        raise EmailTaken("There is an account with this e-mail address already.")
    record(session, UserRegistered, subject=str(user.id), data=UserRef(user_id=user.id))
    return user


async def register(
    session: AsyncSession, *, email: str, name: str, password_hash: str, now: datetime
) -> SignIn:
    """Open an account and sign its owner in. Raises EmailTaken."""
    user = await create_user(session, email=email, name=name, password_hash=password_hash)
    return SignIn(user, await _start_family(session, user.id, now=now))


async def log_in(session: AsyncSession, user_id: UUID, *, upgraded_hash: str | None, now: datetime) -> SignIn:
    """Sign in someone whose password was right. Raises InvalidCredentials if the account has gone since."""
    user = await session.get(User, user_id)
    if user is None:
        raise InvalidCredentials
    if upgraded_hash is not None:
        user.password_hash = upgraded_hash
    return SignIn(user, await _start_family(session, user.id, now=now))


async def refresh(session: AsyncSession, token: str, *, now: datetime) -> SignIn | None:
    """Exchange a refresh token for its successor; None if it is good for nothing.

    That is no exception, because the transaction must be kept: in it, a reused token revokes its family.
    """
    # The family is locked before the token is read: of parallel uses of one token, the second sees it spent.
    ours = select(RefreshToken.family_id).where(RefreshToken.digest == refresh_tokens.digest(token))
    locked = select(RefreshFamily).where(RefreshFamily.id == ours.scalar_subquery()).with_for_update()
    family = await session.scalar(locked)
    if family is None:
        return None
    presented = await session.get_one(RefreshToken, refresh_tokens.digest(token), populate_existing=True)
    successor = await _successor(session, family, presented, token=token, now=now)
    if successor is None:
        return None
    return SignIn(await session.get_one(User, family.user_id), successor)


async def log_out(session: AsyncSession, token: str, *, now: datetime) -> None:
    """Revoke the family of a refresh token, if it has one."""
    ours = select(RefreshToken.family_id).where(RefreshToken.digest == refresh_tokens.digest(token))
    revoked = update(RefreshFamily).where(
        RefreshFamily.id == ours.scalar_subquery(), RefreshFamily.revoked_at.is_(None)
    )
    await session.execute(revoked.values(revoked_at=now))


async def update_profile(
    session: AsyncSession, user_id: UUID, changes: Mapping[str, str | None], *, now: datetime
) -> User:
    """Change a name or a picture. Raises AccountGone."""
    user = await session.get(User, user_id, with_for_update=True)
    if user is None:
        raise AccountGone
    changed = {field: value for field, value in changes.items() if getattr(user, field) != value}
    if not changed:
        return user
    for field, value in changed.items():
        setattr(user, field, value)
    user.updated_at = now
    record(session, UserUpdated, subject=str(user.id), data=UserRef(user_id=user.id))
    return user


async def _start_family(session: AsyncSession, user_id: UUID, *, now: datetime) -> str:
    """A new family's first token; families of this user that have expired are forgotten."""
    expired = (RefreshFamily.user_id == user_id) & (RefreshFamily.expires_at <= now)
    await session.execute(delete(RefreshFamily).where(expired))
    family = RefreshFamily(user_id=user_id, expires_at=now + REFRESH_LIFETIME)
    session.add(family)
    await session.flush()
    return _new_head(session, family)


def _new_head(session: AsyncSession, family: RefreshFamily) -> str:
    token = refresh_tokens.new_token()
    session.add(RefreshToken(digest=refresh_tokens.digest(token), family_id=family.id))
    return token


async def _successor(
    session: AsyncSession, family: RefreshFamily, presented: RefreshToken, *, token: str, now: datetime
) -> str | None:
    verdict = judge(
        now, spent_at=presented.spent_at, expires_at=family.expires_at, revoked_at=family.revoked_at
    )
    if verdict is Verdict.ROTATE:
        return await _rotate(session, family, presented, token=token, now=now)
    if verdict is Verdict.REPEAT and presented.sealed_successor is not None:
        return refresh_tokens.unseal(presented.sealed_successor, under=token)
    if verdict is Verdict.REUSED:
        family.revoked_at = now
        log.warning("refresh_token_reused", family_id=str(family.id), user_id=str(family.user_id))
    return None


async def _rotate(
    session: AsyncSession, family: RefreshFamily, presented: RefreshToken, *, token: str, now: datetime
) -> str:
    presented.spent_at = now
    # Spent first, or the family would have two heads for a moment, which its index does not allow.
    await session.flush()
    successor = _new_head(session, family)
    presented.sealed_successor = refresh_tokens.seal(successor, under=token)
    family.expires_at = now + REFRESH_LIFETIME
    await _forget_successors(session, family, now=now)
    return successor


async def _forget_successors(session: AsyncSession, family: RefreshFamily, *, now: datetime) -> None:
    """Keep successors only while they may be asked for, and spent tokens while their reuse would tell."""
    of_family = RefreshToken.family_id == family.id
    past_grace = of_family & (RefreshToken.spent_at < now - 2 * REFRESH_GRACE)
    await session.execute(update(RefreshToken).where(past_grace).values(sealed_successor=None))
    await session.execute(
        delete(RefreshToken).where(of_family, RefreshToken.spent_at < now - REFRESH_LIFETIME)
    )
