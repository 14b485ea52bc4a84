from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from game.errors import AccountErased
from game.models import ErasedUser


async def ensure_not_erased(session: AsyncSession, user_id: UUID) -> None:
    # An access token outlives its account for some minutes if Redis misses the deletion.
    if await session.get(ErasedUser, user_id) is not None:
        raise AccountErased
