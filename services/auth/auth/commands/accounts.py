"""Admin operations on accounts."""

from datetime import datetime
from uuid import UUID

from shared.clock import utc_now
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.revocations import revoke_user
from auth.commands.sign_ins import revoke_user_families
from auth.commands.users import delete_user, ensure_other_admin, lock_admins_if_admin, record_user_updated
from auth.domain.accounts import ensure_not_own
from auth.domain.operators import ensure_not_operator
from auth.errors import UserNotFound
from auth.models import User


async def lock_account(session: AsyncSession, user_id: UUID, *, actor: UUID) -> User:
    """Refuse sign-ins, refreshes and all tokens. Raises LastAdmin or another Conflict."""
    ensure_not_operator(user_id)
    ensure_not_own(user_id, actor)
    await lock_admins_if_admin(session, user_id)
    user, now = await get_account(session, user_id), utc_now()
    if user.locked_at is not None:
        return user
    await ensure_other_admin(session, user)
    user.locked_at = now
    await _end_access(session, user, now=now)
    audit_log.record(session, "account_locked", subject=user.id, actor=actor)
    record_user_updated(session, user, now=now)
    return user


async def unlock_account(session: AsyncSession, user_id: UUID, *, actor: UUID) -> User:
    """Let an account sign in again. Its earlier sessions stay ended."""
    user = await get_account(session, user_id)
    if user.locked_at is None:
        return user
    user.locked_at = None
    audit_log.record(session, "account_unlocked", subject=user.id, actor=actor)
    record_user_updated(session, user, now=utc_now())
    return user


async def end_sessions(session: AsyncSession, user_id: UUID, *, actor: UUID) -> None:
    """Sign an account out everywhere."""
    user = await get_account(session, user_id)
    await _end_access(session, user, now=utc_now())
    audit_log.record(session, "sessions_revoked", subject=user.id, actor=actor)


async def delete_account(session: AsyncSession, user_id: UUID, *, actor: UUID) -> None:
    """Delete another user's account. Raises LastAdmin or another Conflict."""
    ensure_not_operator(user_id)
    ensure_not_own(user_id, actor)
    await lock_admins_if_admin(session, user_id)
    await get_account(session, user_id)
    await delete_user(session, user_id, actor=actor)


async def get_account(session: AsyncSession, user_id: UUID) -> User:
    """Return the account, locked until the transaction ends. Raises UserNotFound."""
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise UserNotFound(f"There is no user {user_id}.")
    return user


async def _end_access(session: AsyncSession, user: User, *, now: datetime) -> None:
    await revoke_user_families(session, user.id, now=now)
    # Also revokes tokens of expired sessions, which outlive them by minutes.
    revoke_user(session, user)
