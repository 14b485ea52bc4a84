from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from shared.audio.measurer import MeasuringUnavailable
from shared.data.storage import Storage, StorageUnavailable
from shared.http.dependencies import CacheDep, DatabaseDep, SessionDep, StorageDep
from shared.http.pagination import Pagination
from shared.http.problems import Responses
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser

from content.api.dependencies import (
    ETAG,
    LOCATION,
    EditSessionDep,
    MeasurerDep,
    admin_errors,
    create_admin_router,
    learner_errors,
    to_speech_fields,
)
from content.commands import speeches as commands
from content.domain.speeches import Revisions
from content.errors import (
    AudioNotFound,
    AudioTooLarge,
    AudioTooLong,
    ChangedMeanwhile,
    SpeechNotFound,
    UnknownTag,
    UnsupportedAudio,
)
from content.queries import speeches as queries
from content.queries.speeches import SpeechWithStats
from content.schemas.speeches import (
    SpeechCreate,
    SpeechDetails,
    SpeechFilter,
    SpeechPage,
    SpeechRead,
    SpeechUpdate,
)

router = APIRouter(prefix="/api/v1", tags=["Content"])
admin = create_admin_router("editor", "admin")

SpeechId = Annotated[UUID, Path(examples=["01941f2a-11d0-7c1b-8d5e-90d1a3f4b6c7"])]
IfMatch = Annotated[
    str | None,
    Header(
        description="The `ETag` of the speech when it was read. If it has changed since, the response is 412."
    ),
]
SPEECH_RESPONSE: Responses = {200: {"headers": ETAG}}
CREATED_RESPONSE: Responses = {201: {"headers": ETAG | LOCATION}}
WRITE_ERRORS = (
    *(UnknownTag, AudioNotFound, AudioTooLarge, AudioTooLong, UnsupportedAudio),
    StorageUnavailable,
    MeasuringUnavailable,
)


@router.get(
    "/speeches/{speech_id}",
    response_description="The speech.",
    dependencies=[Depends(limit_per_user("speeches", per_minute=100))],
    responses=learner_errors(SpeechNotFound),
)
async def get_speech(
    speech_id: SpeechId, session: SessionDep, storage: StorageDep, cache: CacheDep
) -> SpeechRead:
    """Get a speech. The URL of its recording is valid for at least half an hour."""
    speech = await queries.get_cached_speech(cache, session, speech_id)
    return SpeechRead.model_validate(to_speech_fields(speech, storage))


@admin.get("/speeches", response_description="One page of speeches.")
async def list_speeches(
    filters: Annotated[SpeechFilter, Query()], session: SessionDep, storage: StorageDep
) -> SpeechPage:
    """List speeches, the newest first or, with `search`, the best match first.

    Archived speeches are excluded, unless `archived` includes them. `sort` has other orders.

    A search takes words in any regular form, "phrases" in quotes as they are written, prefixes (`pass*`),
    exclusions (`-word`) and `or`. Case and accents are ignored. Among other words, function words ("the",
    "after") are optional, but improve the rank. If nothing is found, the last word is treated as a prefix.
    The newest 500 matches (200 with `tag_id`) are ranked; older ones follow, newest first.

    `page` reaches the 10,000th speech, the 2,000th of a list with `sort` or, with a search, the last ranked
    match. `next_cursor` leads through the whole list, and its pages cost the same at any depth.
    """
    speeches, page = await queries.list_speeches(session, filters)
    pagination = Pagination.from_query(
        filters,
        page=page.page,
        total=page.total,
        total_is_exact=page.total_is_exact,
        next_cursor=page.next_cursor,
    )
    return SpeechPage(speeches=[_to_details(speech, storage) for speech in speeches], pagination=pagination)


@admin.get(
    "/speeches/{speech_id}",
    response_description="The speech with its revision and statistics.",
    responses=SPEECH_RESPONSE | admin_errors(SpeechNotFound),
)
async def get_speech_details(
    speech_id: SpeechId, session: SessionDep, storage: StorageDep, response: Response
) -> SpeechDetails:
    """Get a speech with its revision, which is also its `ETag`, and its play statistics."""
    return _to_response(await queries.get_speech_with_stats(session, speech_id), storage, response)


@admin.post(
    "/speeches",
    status_code=201,
    response_description="The new speech.",
    responses=CREATED_RESPONSE | admin_errors(*WRITE_ERRORS),
)
async def create_speech(
    fields: SpeechCreate,
    database: DatabaseDep,
    storage: StorageDep,
    measurer: MeasurerDep,
    editor: CurrentUser,
    response: Response,
) -> SpeechDetails:
    """Create a speech with an uploaded recording. Learners can draw it within a second."""
    created = await commands.create_speech(database, storage, measurer, fields=fields, actor=editor.id)
    response.headers["Location"] = f"{admin.prefix}/speeches/{created.speech.id}"
    return _to_response(created, storage, response)


@admin.put(
    "/speeches/{speech_id}",
    response_description="The speech after the update.",
    responses=SPEECH_RESPONSE | admin_errors(SpeechNotFound, ChangedMeanwhile, *WRITE_ERRORS),
)
async def update_speech(
    speech_id: SpeechId,
    fields: SpeechUpdate,
    database: DatabaseDep,
    storage: StorageDep,
    measurer: MeasurerDep,
    cache: CacheDep,
    editor: CurrentUser,
    response: Response,
    if_match: IfMatch = None,
) -> SpeechDetails:
    """Update a speech. Omitted fields keep their value. Without `If-Match` the last update wins.

    `archived: true` archives the speech: within a second it is no longer drawn. It can still be
    read by its id, past sessions keep it, and `archived: false` restores it.
    """
    expected = Revisions.from_if_match(if_match)
    updated = await commands.update_speech(
        database,
        storage,
        measurer,
        cache,
        speech_id=speech_id,
        fields=fields,
        actor=editor.id,
        expected=expected,
    )
    return _to_response(updated, storage, response)


@admin.delete(
    "/speeches/{speech_id}",
    status_code=204,
    response_description="The speech is deleted.",
    responses=admin_errors(SpeechNotFound, ChangedMeanwhile),
)
async def delete_speech(
    speech_id: SpeechId, session: EditSessionDep, editor: CurrentUser, if_match: IfMatch = None
) -> None:
    """Delete a speech. Sessions that were played with it keep it."""
    expected = Revisions.from_if_match(if_match)
    await commands.delete_speech(session, speech_id, actor=editor.id, expected=expected)


def _to_details(speech_with_stats: SpeechWithStats, storage: Storage) -> SpeechDetails:
    fields = to_speech_fields(speech_with_stats.speech, storage) | speech_with_stats.stats._asdict()
    fields |= {
        "audio_key": speech_with_stats.speech.audio_key,
        "archived": speech_with_stats.stats.archived_at is not None,
    }
    return SpeechDetails.model_validate(fields, from_attributes=True)


def _to_response(speech_with_stats: SpeechWithStats, storage: Storage, response: Response) -> SpeechDetails:
    response.headers["ETag"] = f'"{speech_with_stats.stats.revision}"'
    return _to_details(speech_with_stats, storage)
