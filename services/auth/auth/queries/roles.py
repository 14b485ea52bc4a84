from shared.security.current_user import Principal, Role
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import RefreshTokenFamily, User


async def find_role(session: AsyncSession, caller: Principal) -> Role | None:
    """Return the caller's current role from the database, or None if the session has ended."""
    is_live = (RefreshTokenFamily.user_id == User.id) & RefreshTokenFamily.revoked_at.is_(None)
    is_own = RefreshTokenFamily.id == caller.session_id
    statement = select(User.role).join(RefreshTokenFamily, is_live & is_own)
    return await session.scalar(statement.where(User.id == caller.id))
