"""What the routes have in common: the state of the application, and how a speech is heard."""

from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from shared.cache import Cache, CacheDown
from shared.ratelimit import per_user
from shared.storage import Storage
from shared.tokens import has_role

from content.queries.speeches import SpeechRow
from content.schemas.speeches import SpeechRead

log = structlog.get_logger(__name__)


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def _cache(request: Request) -> Cache:
    cache: Cache = request.app.state.cache
    return cache


type Responses = dict[int | str, dict[str, Any]]
"""What a route may answer, for its documentation."""

ETAG = {"ETag": {"description": "To be sent as `If-None-Match` or `If-Match`.", "schema": {"type": "string"}}}
LOCATION = {"Location": {"description": "Where it is now.", "schema": {"type": "string"}}}

EDITORS_ONLY = [Depends(has_role("editor", "admin")), Depends(per_user("admin", per_minute=200))]

AudioStorage = Annotated[Storage, Depends(_storage)]
ReadCache = Annotated[Cache, Depends(_cache)]


def to_speech_read(speech: SpeechRow, storage: Storage) -> SpeechRead:
    """The speech with an address that its recording can be played from."""
    audio_url, expires_at = storage.presigned(speech.audio_key)
    return SpeechRead.model_validate(
        {**speech._asdict(), "audio_url": audio_url, "audio_expires_at": expires_at},
    )


async def forget(cache: Cache, key: str) -> None:
    """Once the change is committed. The event that tells of it does so again, and does not give up."""
    try:
        await cache.forget(key)
    except CacheDown as error:
        log.warning("not_forgotten_yet", key=key, reason=error.detail)
