from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.security.current_user import Role
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import PanelSession, RefreshTokenFamily, User
from auth.tokens import opaque_tokens


class PanelAccess(NamedTuple):
    """A live session of the panel, and its user as the database has them now."""

    user_id: UUID
    role: Role
    token_version: int
    family_id: UUID
    expires_at: datetime
    csrf_token: str


async def find_panel_access(session: AsyncSession, cookie: str, *, now: datetime) -> PanelAccess | None:
    """Return None for an unknown, ended or revoked session, and for a learner or a locked user."""
    columns = select(
        User.id,
        User.role,
        User.token_version,
        RefreshTokenFamily.id,
        RefreshTokenFamily.expires_at,
        PanelSession.csrf_token,
    )
    joined = columns.join(RefreshTokenFamily, RefreshTokenFamily.id == PanelSession.family_id).join(
        User, User.id == RefreshTokenFamily.user_id
    )
    live = joined.where(
        PanelSession.digest == opaque_tokens.digest(cookie),
        RefreshTokenFamily.revoked_at.is_(None),
        RefreshTokenFamily.expires_at > now,
        User.role != "learner",
        User.locked_at.is_(None),
    )
    row = (await session.execute(live)).one_or_none()
    return PanelAccess(*row) if row else None
