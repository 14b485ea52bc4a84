"""Roles."""

from shared.security.current_user import Caller, Role
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import RefreshFamily, User


async def role_of(session: AsyncSession, caller: Caller) -> Role | None:
    """The role that a caller has now, whatever the token says; None when the sign-in has ended."""
    live = (RefreshFamily.user_id == User.id) & RefreshFamily.revoked_at.is_(None)
    signed_in = live & (RefreshFamily.id == caller.session_id)
    return await session.scalar(select(User.role).join(RefreshFamily, signed_in).where(User.id == caller.id))
