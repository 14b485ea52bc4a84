"""Roles."""

from shared.security.current_user import Caller, Role
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import RefreshTokenFamily, User


async def find_role(session: AsyncSession, caller: Caller) -> Role | None:
    """The role that a caller has now, whatever the token says; None when the sign-in has ended."""
    live = (RefreshTokenFamily.user_id == User.id) & RefreshTokenFamily.revoked_at.is_(None)
    signed_in = live & (RefreshTokenFamily.id == caller.session_id)
    return await session.scalar(
        select(User.role).join(RefreshTokenFamily, signed_in).where(User.id == caller.id)
    )
