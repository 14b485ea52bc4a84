"""The routes of editors: speeches and tags."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Header, Query, Response
from shared.db import Session
from shared.ratelimit import per_user
from sqlalchemy.ext.asyncio import AsyncSession

from content import cached, commands, queries
from content.api.dependencies import (
    EDITORS_ONLY,
    ETAG,
    LOCATION,
    AudioStorage,
    ReadCache,
    Responses,
    forget,
    to_speech_read,
)
from content.audio.validation import measure_recording
from content.domain.speeches import NewSpeech, Revisions, SpeechChange
from content.queries.speeches import SpeechRow, SpeechStats
from content.schemas.speeches import (
    PlayStatisticsRead,
    SpeechCreate,
    SpeechDetails,
    SpeechFilter,
    SpeechPage,
    SpeechPagination,
    SpeechRead,
    SpeechUpdate,
)
from content.search.listing import speech_ids

router = APIRouter(prefix="/api/v1", tags=["Content"])
admin_router = APIRouter(prefix="/api/v1/admin", tags=["Admin"], dependencies=EDITORS_ONLY)

IfMatch = Annotated[
    str | None,
    Header(description="The `ETag` of the speech that was read; if it has changed since, the answer is 412."),
]
SPEECH_NOT_FOUND_RESPONSE: Responses = {404: {"description": "`speech_not_found`."}}
CHANGED_RESPONSE: Responses = {
    412: {"description": "`changed_meanwhile`: the speech is another than in `If-Match`."}
}
UNFIT_RESPONSE: Responses = {
    422: {
        "description": "`validation_failed`; `unknown_tag`; of the recording: `audio_not_found`, "
        "`audio_too_large`, `audio_too_long`, `unsupported_audio`."
    },
    503: {"description": "`storage_unavailable`: the recording cannot be looked at; `database_unavailable`."},
}
INVALID_FILTER_RESPONSE: Responses = {
    422: {
        "description": "`validation_failed`: a search without words, a page too far, somebody else's cursor."
    }
}


@admin_router.get("/speeches", responses=INVALID_FILTER_RESPONSE)
async def list_speeches(
    wanted: Annotated[SpeechFilter, Query()], session: Session, storage: AudioStorage
) -> SpeechPage:
    """Speeches, the newest first or, with `search`, the best match first.

    A search takes words with any regular ending, "phrases" in quotes, beginnings of words (`pass*`),
    exclusions (`-word`) and `or`; if nothing is found, its last word is taken for the beginning of one. The
    newest 500 matches (200 of a tag) are ranked, the others follow, newest first. Pages are reached by number
    up to the 10,000th speech, with a search as far as matches are ranked; `next_cursor` leads through all of
    them, and every page costs what the first does.
    """
    found = await speech_ids(session, wanted)
    speeches = await queries.list_speeches_with_stats(session, found.ids)
    pagination = SpeechPagination(
        page=found.page,
        limit=wanted.limit,
        total=found.total,
        total_pages=-(-found.total // wanted.limit),
        total_is_exact=found.total_is_exact,
        next_cursor=found.next_cursor,
    )
    return SpeechPage(speeches=[_details(*each, storage) for each in speeches], pagination=pagination)


@admin_router.get("/speeches/{speech_id}", responses=SPEECH_NOT_FOUND_RESPONSE | {200: {"headers": ETAG}})
async def get_speech_details(
    speech_id: UUID, session: Session, storage: AudioStorage, response: Response
) -> SpeechDetails:
    """A speech as editors see it: with its revision, which is also its `ETag`, and how it was played."""
    return await _shown(session, speech_id, storage, response)


@admin_router.post(
    "/speeches", status_code=201, responses=UNFIT_RESPONSE | {201: {"headers": ETAG | LOCATION}}
)
async def create_speech(
    fields: SpeechCreate, session: Session, storage: AudioStorage, response: Response
) -> SpeechDetails:
    """Add a speech to a recording that was uploaded."""
    # Measured before the database is asked for anything: no connection waits for the storage.
    duration_ms = await measure_recording(storage, fields.audio_key)
    given = fields.model_dump(exclude={"tag_ids"})
    new = NewSpeech(**given, duration_ms=duration_ms, tag_ids=frozenset(fields.tag_ids))
    speech_id = await commands.create_speech(session, new)
    response.headers["Location"] = f"{admin_router.prefix}/speeches/{speech_id}"
    return await _shown(session, speech_id, storage, response)


@admin_router.put(
    "/speeches/{speech_id}",
    responses=SPEECH_NOT_FOUND_RESPONSE | CHANGED_RESPONSE | UNFIT_RESPONSE | {200: {"headers": ETAG}},
)
async def update_speech(
    speech_id: UUID,
    fields: SpeechUpdate,
    session: Session,
    storage: AudioStorage,
    cache: ReadCache,
    after: BackgroundTasks,
    response: Response,
    if_match: IfMatch = None,
) -> SpeechDetails:
    """Change what is given; what is left out stays. Without `If-Match`, the last change wins."""
    given = fields.model_dump(exclude_unset=True)
    if fields.audio_key is not None:
        given["duration_ms"] = await measure_recording(storage, fields.audio_key)
    if fields.tag_ids is not None:
        given["tag_ids"] = frozenset(fields.tag_ids)
    change, expected = SpeechChange(**given), Revisions.from_if_match(if_match)
    await commands.update_speech(session, speech_id, change, expected=expected)
    after.add_task(forget, cache, cached.speech.key(speech_id))
    return await _shown(session, speech_id, storage, response)


@admin_router.delete(
    "/speeches/{speech_id}", status_code=204, responses=SPEECH_NOT_FOUND_RESPONSE | CHANGED_RESPONSE
)
async def delete_speech(
    speech_id: UUID, session: Session, cache: ReadCache, after: BackgroundTasks, if_match: IfMatch = None
) -> None:
    """Take a speech out of the catalogue. Games that were played with it keep it."""
    await commands.delete_speech(session, speech_id, expected=Revisions.from_if_match(if_match))
    after.add_task(forget, cache, cached.speech.key(speech_id))


async def _shown(
    session: AsyncSession, speech_id: UUID, storage: AudioStorage, response: Response
) -> SpeechDetails:
    speech, history = await queries.get_speech_with_stats(session, speech_id)
    response.headers["ETag"] = f'"{history.revision}"'
    return _details(speech, history, storage)


def _details(speech: SpeechRow, history: SpeechStats, storage: AudioStorage) -> SpeechDetails:
    statistics = PlayStatisticsRead(
        plays=history.plays.plays,
        correct_rate=history.plays.correct_rate,
        average_score=history.plays.average_score,
    )
    return SpeechDetails(
        **to_speech_read(speech, storage).model_dump(),
        audio_key=speech.audio_key,
        revision=history.revision,
        created_at=history.created_at,
        updated_at=history.updated_at,
        statistics=statistics,
    )


@router.get(
    "/speeches/{speech_id}",
    dependencies=[Depends(per_user("speeches", per_minute=100))],
    responses={404: {"description": "`speech_not_found`."}},
)
async def get_speech(
    speech_id: UUID, session: Session, storage: AudioStorage, cache: ReadCache
) -> SpeechRead:
    """A speech, with an address of its recording that is good for at least half an hour."""
    return to_speech_read(await cached.speech(cache, session, speech_id), storage)
