from uuid import UUID

from shared.clock import utc_now
from shared.security.current_user import Role
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.accounts import get_account
from auth.commands.apple_tokens import remove_identities
from auth.commands.revocations import revoke_user
from auth.commands.users import (
    create_user,
    ensure_other_admin,
    hand_over_to_email_owner,
    lock_admins,
    record_user_updated,
)
from auth.domain.operators import OPERATOR_ID, ensure_not_operator
from auth.domain.users import to_canonical_email
from auth.models import User


async def change_role(session: AsyncSession, user_id: UUID, role: Role, *, actor: UUID) -> User:
    ensure_not_operator(user_id)
    await lock_admins(session)
    user = await get_account(session, user_id)
    if user.role == role:
        return user
    await ensure_other_admin(session, user)
    before = {"role": user.role}
    user.role = role
    revoke_user(session, user)
    audit_log.record(
        session, "role_changed", subject=user.id, actor=actor, before=before, after={"role": role}
    )
    record_user_updated(session, user, now=utc_now())
    return user


async def create_first_admin(session: AsyncSession, *, email: str, password_hash: str) -> bool:
    """Make the account with this address an admin unless an admin exists; return whether it did."""
    await lock_admins(session)
    admins = select(User.id).where(User.role == "admin", User.id != OPERATOR_ID)
    if await session.scalar(admins.limit(1)):
        return False
    statement = select(User).where(User.email_key == to_canonical_email(email)).with_for_update()
    user, now = await session.scalar(statement), utc_now()
    if user is None:
        user = await create_user(
            session, email=email, name="Admin", password_hash=password_hash, email_verified=True
        )
    else:
        # A stranger may have registered the address first: only the new password remains valid.
        user.password_hash, user.password_set_at, user.locked_at = password_hash, now, None
        await remove_identities(session, user.id)
        await hand_over_to_email_owner(session, user, now=now)
    before = {"role": user.role}
    user.role = "admin"
    audit_log.record(
        session, "admin_appointed", subject=user.id, actor=None, before=before, after={"role": "admin"}
    )
    return True
