from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import Identity
from auth.schemas.identities import IdentityList, IdentityRead


async def list_identities(session: AsyncSession, user_id: UUID) -> IdentityList:
    owned = select(Identity).where(Identity.user_id == user_id).order_by(Identity.linked_at)
    identities = [IdentityRead.model_validate(identity) for identity in await session.scalars(owned)]
    return IdentityList(identities=identities)
