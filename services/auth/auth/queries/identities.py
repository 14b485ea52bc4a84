"""Social sign-ins."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import Identity
from auth.schemas.identities import IdentityRead


async def list_identities(session: AsyncSession, user_id: UUID) -> list[IdentityRead]:
    """The social sign-ins of an account, oldest first."""
    owned = select(Identity).where(Identity.user_id == user_id).order_by(Identity.linked_at)
    return [IdentityRead.model_validate(each) for each in await session.scalars(owned)]
