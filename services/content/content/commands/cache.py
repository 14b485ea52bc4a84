"""Invalidation of cached reads after an edit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from uuid import UUID

import structlog
from pydantic import model_validator
from shared.data.cache import Cache, CacheRefused, CacheUnavailable
from shared.data.db import Database
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from sqlalchemy.ext.asyncio import AsyncSession

from content.queries.speeches import get_cached_speech
from content.queries.tags import list_cached_tags

log = structlog.get_logger(__name__)

STALE_KEYS = "stale_cache_keys"


class InvalidateCache(Job):
    service: ClassVar[str] = "content"

    keys: list[str]

    @model_validator(mode="before")
    @classmethod
    def from_event(cls, body: Any) -> Any:
        # Earlier versions send the events TagChanged, SpeechUpdated and SpeechDeleted instead.
        match body:
            case {"data": {"speech_id": str(speech_id)}}:
                return body | {"keys": [get_cached_speech.build_key(UUID(speech_id))]}
            case {"data": {"tag_id": _}}:
                return body | {"keys": [list_cached_tags.build_key()]}
        return body


def invalidate(session: AsyncSession, *keys: str) -> None:
    """Remove cached values once the caller's transaction is committed."""
    # The job succeeds even if this process ends or Redis is down; `edit_transaction` invalidates sooner.
    enqueue(session, InvalidateCache(keys=list(keys)))
    session.info.setdefault(STALE_KEYS, []).extend(keys)


@asynccontextmanager
async def edit_transaction(database: Database, cache: Cache) -> AsyncIterator[AsyncSession]:
    """Open a transaction. After its commit, remove stale cached values, so that clients see their edits."""
    async with database.transaction() as session:
        yield session
    if keys := session.info.get(STALE_KEYS):
        try:
            await cache.invalidate(*keys)
        except (CacheUnavailable, CacheRefused) as error:
            # The edit is already committed, and the job remains.
            log.warning("cache_invalidation_deferred", keys=keys, reason=str(error))
