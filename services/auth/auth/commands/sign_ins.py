"""Sign-ins: each is a family of refresh tokens, which rotate and are revoked together."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.domain.sign_ins import (
    REFRESH_GRACE_PERIOD,
    REFRESH_TOKEN_TTL,
    RefreshDecision,
    evaluate_refresh_token,
)
from auth.errors import InvalidCredentials
from auth.models import RefreshToken, RefreshTokenFamily, User
from auth.queries.sign_ins import Credential
from auth.tokens import opaque_tokens

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AuthenticatedSession:
    """Someone has proved who they are, and can go on proving it with this refresh token."""

    user: User
    family_id: UUID
    refresh_token: str


async def log_in(
    session: AsyncSession, checked: Credential, *, upgraded_hash: str | None, now: datetime
) -> AuthenticatedSession:
    """Sign in someone whose password was right.

    Raises InvalidCredentials when it is right no longer: the account has gone, or its password was replaced
    while this one was checked, and what that has revoked must not come back.
    """
    user = await session.get(User, checked.user_id, with_for_update={"key_share": True})
    if user is None or user.password_set_at != checked.password_set_at:
        raise InvalidCredentials
    if upgraded_hash is not None:
        user.password_hash = upgraded_hash
    return await start_sign_in(session, user, now=now)


async def start_sign_in(session: AsyncSession, user: User, *, now: datetime) -> AuthenticatedSession:
    """A new sign-in with its first refresh token; those of this user that have expired are forgotten."""
    expired = (RefreshTokenFamily.user_id == user.id) & (RefreshTokenFamily.expires_at <= now)
    await session.execute(delete(RefreshTokenFamily).where(expired))
    family = RefreshTokenFamily(user_id=user.id, expires_at=now + REFRESH_TOKEN_TTL)
    session.add(family)
    await session.flush()
    return AuthenticatedSession(user, family.id, _add_active_token(session, family))


async def refresh_tokens(session: AsyncSession, token: str, *, now: datetime) -> AuthenticatedSession | None:
    """Exchange a refresh token for its successor; None if it is good for nothing.

    That is no exception, because the transaction must be kept: in it, a reused token revokes its family.
    """
    # The family is locked before the token is read: of parallel uses of one token, the second sees it spent.
    ours = select(RefreshToken.family_id).where(RefreshToken.digest == opaque_tokens.digest(token))
    locked = (
        select(RefreshTokenFamily).where(RefreshTokenFamily.id == ours.scalar_subquery()).with_for_update()
    )
    family = await session.scalar(locked)
    if family is None:
        return None
    presented = await session.get_one(RefreshToken, opaque_tokens.digest(token), populate_existing=True)
    successor = await _successor(session, family, presented, token=token, now=now)
    if successor is None:
        return None
    return AuthenticatedSession(await session.get_one(User, family.user_id), family.id, successor)


async def log_out(session: AsyncSession, token: str, *, now: datetime) -> None:
    """Revoke the family of a refresh token, if it has one."""
    ours = select(RefreshToken.family_id).where(RefreshToken.digest == opaque_tokens.digest(token))
    revoked = update(RefreshTokenFamily).where(
        RefreshTokenFamily.id == ours.scalar_subquery(), RefreshTokenFamily.revoked_at.is_(None)
    )
    await session.execute(revoked.values(revoked_at=now))


async def revoke_sign_ins(
    session: AsyncSession, user_id: UUID, *, now: datetime, except_family: UUID | None = None
) -> None:
    """End all sign-ins of a user, or all others than one."""
    live = (RefreshTokenFamily.user_id == user_id) & RefreshTokenFamily.revoked_at.is_(None)
    others = live if except_family is None else live & (RefreshTokenFamily.id != except_family)
    await session.execute(update(RefreshTokenFamily).where(others).values(revoked_at=now))


def _add_active_token(session: AsyncSession, family: RefreshTokenFamily) -> str:
    token = opaque_tokens.generate_token()
    session.add(RefreshToken(digest=opaque_tokens.digest(token), family_id=family.id))
    return token


async def _successor(
    session: AsyncSession, family: RefreshTokenFamily, presented: RefreshToken, *, token: str, now: datetime
) -> str | None:
    verdict = evaluate_refresh_token(
        now, spent_at=presented.spent_at, expires_at=family.expires_at, revoked_at=family.revoked_at
    )
    if verdict is RefreshDecision.ROTATE:
        return await _rotate(session, family, presented, token=token, now=now)
    if verdict is RefreshDecision.REPEAT and presented.sealed_successor is not None:
        return opaque_tokens.unseal(presented.sealed_successor, under=token)
    if verdict is RefreshDecision.REUSED:
        family.revoked_at = now
        audit_log.record(session, "refresh_token_reused", subject=family.user_id, actor=None)
        log.warning("refresh_token_reused", family_id=str(family.id), user_id=str(family.user_id))
    return None


async def _rotate(
    session: AsyncSession, family: RefreshTokenFamily, presented: RefreshToken, *, token: str, now: datetime
) -> str:
    presented.spent_at = now
    # Spent first, or the family would have two heads for a moment, which its index does not allow.
    await session.flush()
    successor = _add_active_token(session, family)
    presented.sealed_successor = opaque_tokens.seal(successor, under=token)
    family.expires_at = now + REFRESH_TOKEN_TTL
    await _discard_old_tokens(session, family, now=now)
    return successor


async def _discard_old_tokens(session: AsyncSession, family: RefreshTokenFamily, *, now: datetime) -> None:
    """Keep successors only while they may be asked for, and spent tokens while their reuse would tell."""
    of_family = RefreshToken.family_id == family.id
    past_grace = of_family & (RefreshToken.spent_at < now - 2 * REFRESH_GRACE_PERIOD)
    await session.execute(update(RefreshToken).where(past_grace).values(sealed_successor=None))
    await session.execute(
        delete(RefreshToken).where(of_family, RefreshToken.spent_at < now - REFRESH_TOKEN_TTL)
    )
