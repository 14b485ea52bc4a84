"""What is held on a user."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.errors import SignedOut
from auth.models import AuditEntry, Identity, RefreshTokenFamily, User
from auth.schemas.export import AccountExport


async def get_account_export(session: AsyncSession, user_id: UUID) -> AccountExport:
    """Everything this service holds on a user, but for what only proves who they are. Raises SignedOut."""
    user = await session.get(User, user_id)
    if user is None:
        raise SignedOut
    identities = await session.scalars(select(Identity).where(Identity.user_id == user_id))
    families = await session.scalars(
        select(RefreshTokenFamily)
        .where(RefreshTokenFamily.user_id == user_id)
        .order_by(RefreshTokenFamily.created_at)
    )
    about = (AuditEntry.subject_id == user_id) | (AuditEntry.actor_id == user_id)
    entries = await session.scalars(select(AuditEntry).where(about).order_by(AuditEntry.id))
    return AccountExport.model_validate(
        {
            "profile": user,
            "has_password": user.password_hash is not None,
            "password_set_at": user.password_set_at,
            "identities": identities.all(),
            "sign_ins": families.all(),
            "audit_log": entries.all(),
        },
    )
