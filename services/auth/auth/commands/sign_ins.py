"""Sign-ins: each is a family of refresh tokens, which rotate and are revoked together."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log as audit
from auth.domain.sign_ins import REFRESH_GRACE, REFRESH_LIFETIME, Verdict, judge
from auth.errors import InvalidCredentials
from auth.models import RefreshFamily, RefreshToken, User
from auth.queries.sign_ins import Credential
from auth.tokens import refresh_tokens

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SignIn:
    """Someone has proved who they are, and can go on proving it with this refresh token."""

    user: User
    family_id: UUID
    refresh_token: str


async def log_in(
    session: AsyncSession, checked: Credential, *, upgraded_hash: str | None, now: datetime
) -> SignIn:
    """Sign in someone whose password was right.

    Raises InvalidCredentials when it is right no longer: the account has gone, or its password was replaced
    while this one was checked, and what that has revoked must not come back.
    """
    user = await session.get(User, checked.user_id, with_for_update={"key_share": True})
    if user is None or user.password_set_at != checked.password_set_at:
        raise InvalidCredentials
    if upgraded_hash is not None:
        user.password_hash = upgraded_hash
    return await start_family(session, user, now=now)


async def start_family(session: AsyncSession, user: User, *, now: datetime) -> SignIn:
    """A new sign-in with its first refresh token; those of this user that have expired are forgotten."""
    expired = (RefreshFamily.user_id == user.id) & (RefreshFamily.expires_at <= now)
    await session.execute(delete(RefreshFamily).where(expired))
    family = RefreshFamily(user_id=user.id, expires_at=now + REFRESH_LIFETIME)
    session.add(family)
    await session.flush()
    return SignIn(user, family.id, _new_head(session, family))


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
    return SignIn(await session.get_one(User, family.user_id), family.id, successor)


async def log_out(session: AsyncSession, token: str, *, now: datetime) -> None:
    """Revoke the family of a refresh token, if it has one."""
    ours = select(RefreshToken.family_id).where(RefreshToken.digest == refresh_tokens.digest(token))
    revoked = update(RefreshFamily).where(
        RefreshFamily.id == ours.scalar_subquery(), RefreshFamily.revoked_at.is_(None)
    )
    await session.execute(revoked.values(revoked_at=now))


async def revoke_families(
    session: AsyncSession, user_id: UUID, *, now: datetime, but: UUID | None = None
) -> None:
    """End all sign-ins of a user, or all others than one."""
    live = (RefreshFamily.user_id == user_id) & RefreshFamily.revoked_at.is_(None)
    others = live if but is None else live & (RefreshFamily.id != but)
    await session.execute(update(RefreshFamily).where(others).values(revoked_at=now))


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
        audit.note(session, "refresh_token_reused", subject=family.user_id, actor=None)
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
