"""Social sign-ins."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import Identity
from auth.schemas.identities import LinkedIdentity


async def identities_of(session: AsyncSession, user_id: UUID) -> list[LinkedIdentity]:
    """The social sign-ins of an account, oldest first."""
    owned = select(Identity).where(Identity.user_id == user_id).order_by(Identity.linked_at)
    return [LinkedIdentity.model_validate(each) for each in await session.scalars(owned)]
