"""Invalidation of cached reads after an edit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from shared.cache import Cache, CacheDown
from shared.db import Database
from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger(__name__)

STALE_KEYS = "stale_cache_keys"


def invalidate(session: AsyncSession, *keys: str) -> None:
    """Mark cached values as stale once the caller's transaction is committed."""
    session.info.setdefault(STALE_KEYS, []).extend(keys)


@asynccontextmanager
async def edit_transaction(database: Database, cache: Cache) -> AsyncIterator[AsyncSession]:
    """Open a transaction whose stale values are removed after the commit: a client sees its own edit."""
    async with database.transaction() as session:
        yield session
    if keys := session.info.get(STALE_KEYS):
        try:
            await cache.forget(*keys)
        except CacheDown as error:
            # The event of the edit repeats it until Redis is back.
            log.warning("cache_invalidation_deferred", keys=keys, reason=error.detail)
