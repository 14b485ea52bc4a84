from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.security.current_user import Role
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.operators import Operator, is_current
from auth.models import PanelSession, RefreshTokenFamily, User
from auth.tokens import opaque_tokens


class PanelAccess(NamedTuple):
    """A live panel session, and the current state of its user."""

    user_id: UUID
    role: Role
    token_version: int
    family_id: UUID
    expires_at: datetime
    csrf_token: str
    operator_digest: bytes | None


async def find_panel_access(
    session: AsyncSession, cookie: str, operator: Operator | None, *, now: datetime
) -> PanelAccess | None:
    """Return None for an unknown, ended or revoked session, and for a learner or a locked user."""
    columns = select(
        User.id,
        User.role,
        User.token_version,
        RefreshTokenFamily.id,
        RefreshTokenFamily.expires_at,
        PanelSession.csrf_token,
        PanelSession.operator_digest,
    )
    joined = columns.join(RefreshTokenFamily, RefreshTokenFamily.id == PanelSession.family_id).join(
        User, User.id == RefreshTokenFamily.user_id
    )
    live = joined.where(
        PanelSession.digest == opaque_tokens.compute_digest(cookie),
        RefreshTokenFamily.revoked_at.is_(None),
        RefreshTokenFamily.expires_at > now,
        User.role != "learner",
        User.locked_at.is_(None),
    )
    row = (await session.execute(live)).one_or_none()
    access = PanelAccess(*row) if row else None
    is_valid = access is not None and is_current(access.user_id, access.operator_digest, operator)
    return access if is_valid else None
