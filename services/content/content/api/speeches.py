"""The routes of speeches."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
from shared.db import DatabaseDown, Session
from shared.errors import Invalid
from shared.ratelimit import per_user
from shared.storage import Storage, StorageDown

from content import commands, queries
from content.api.dependencies import EDITORS_ONLY, CacheDep, DatabaseDep, EditSessionDep, StorageDep
from content.api.responses import ETAG, LOCATION, Responses, describe, to_speech_fields
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
from content.queries.speeches import SpeechListing, SpeechWithStats
from content.schemas.speeches import (
    SpeechCreate,
    SpeechDetails,
    SpeechFilter,
    SpeechPage,
    SpeechPagination,
    SpeechRead,
    SpeechUpdate,
)

router = APIRouter(prefix="/api/v1", tags=["Content"])
admin_router = APIRouter(prefix="/api/v1/admin", tags=["Admin"], dependencies=EDITORS_ONLY)

IfMatch = Annotated[
    str | None,
    Header(description="The `ETag` of the speech as it was read. The answer is 412 if it has changed."),
]
NOT_FOUND: Responses = {404: describe(SpeechNotFound)}
CHANGED: Responses = {412: describe(ChangedMeanwhile)}
INVALID: Responses = {422: describe(Invalid)}
INVALID_SPEECH: Responses = {
    422: describe(Invalid, UnknownTag, AudioNotFound, AudioTooLarge, AudioTooLong, UnsupportedAudio),
    503: describe(StorageDown, DatabaseDown),
}


@router.get(
    "/speeches/{speech_id}",
    dependencies=[Depends(per_user("speeches", per_minute=100))],
    responses=NOT_FOUND | INVALID,
)
async def get_speech(speech_id: UUID, session: Session, storage: StorageDep, cache: CacheDep) -> SpeechRead:
    """Get a speech. The URL of its recording is valid for at least half an hour."""
    speech = await queries.get_cached_speech(cache, session, speech_id)
    return SpeechRead.model_validate(to_speech_fields(speech, storage))


@admin_router.get("/speeches", responses=INVALID)
async def list_speeches(
    wanted: Annotated[SpeechFilter, Query()], session: Session, storage: StorageDep
) -> SpeechPage:
    """List speeches, the newest first or, with `search`, the best match first.

    A search takes words in any regular form, "phrases" in quotes, prefixes (`pass*`), exclusions (`-word`)
    and `or`. If it finds nothing, its last word is read as a prefix. The newest 500 matches (200 with
    `tag_id`) are ranked; older ones follow, newest first.

    `page` reaches the 10,000th speech or, with a search, the last ranked match. `next_cursor` leads through
    the whole list, and its pages cost the same at any depth.
    """
    return _to_page(await queries.list_speeches(session, wanted), wanted, storage)


@admin_router.get("/speeches/{speech_id}", responses=NOT_FOUND | INVALID | {200: {"headers": ETAG}})
async def get_speech_details(
    speech_id: UUID, session: Session, storage: StorageDep, response: Response
) -> SpeechDetails:
    """Get a speech with its revision, which is also its `ETag`, and its play statistics."""
    return _to_response(await queries.get_speech_with_stats(session, speech_id), storage, response)


@admin_router.post(
    "/speeches", status_code=201, responses=INVALID_SPEECH | {201: {"headers": ETAG | LOCATION}}
)
async def create_speech(
    fields: SpeechCreate, database: DatabaseDep, storage: StorageDep, response: Response
) -> SpeechDetails:
    """Create a speech with an uploaded recording. Learners can draw it within a second."""
    created = await commands.create_speech(database, storage, fields=fields)
    response.headers["Location"] = f"{admin_router.prefix}/speeches/{created[0].id}"
    return _to_response(created, storage, response)


@admin_router.put(
    "/speeches/{speech_id}", responses=NOT_FOUND | CHANGED | INVALID_SPEECH | {200: {"headers": ETAG}}
)
async def update_speech(
    speech_id: UUID,
    fields: SpeechUpdate,
    database: DatabaseDep,
    storage: StorageDep,
    cache: CacheDep,
    response: Response,
    if_match: IfMatch = None,
) -> SpeechDetails:
    """Update a speech. Omitted fields keep their value. Without `If-Match` the last update wins."""
    expected = Revisions.from_if_match(if_match)
    updated = await commands.update_speech(
        database, storage, cache, speech_id=speech_id, fields=fields, expected=expected
    )
    return _to_response(updated, storage, response)


@admin_router.delete("/speeches/{speech_id}", status_code=204, responses=NOT_FOUND | CHANGED | INVALID)
async def delete_speech(speech_id: UUID, session: EditSessionDep, if_match: IfMatch = None) -> None:
    """Delete a speech. Sessions that were played with it keep it."""
    await commands.delete_speech(session, speech_id, expected=Revisions.from_if_match(if_match))


def _to_page(listing: SpeechListing, wanted: SpeechFilter, storage: Storage) -> SpeechPage:
    page = listing.page
    pagination = SpeechPagination(
        page=page.page,
        limit=wanted.limit,
        total=page.total,
        total_pages=-(-page.total // wanted.limit),
        total_is_exact=page.total_is_exact,
        next_cursor=page.next_cursor,
    )
    return SpeechPage(
        speeches=[_to_details(speech, storage) for speech in listing.speeches], pagination=pagination
    )


def _to_details(found: SpeechWithStats, storage: Storage) -> SpeechDetails:
    speech, stats = found
    fields = {**to_speech_fields(speech, storage), **stats._asdict()}
    return SpeechDetails.model_validate(fields, from_attributes=True)


def _to_response(found: SpeechWithStats, storage: Storage, response: Response) -> SpeechDetails:
    """Return one speech, and set its revision as the ETag."""
    _, stats = found
    response.headers["ETag"] = f'"{stats.revision}"'
    return _to_details(found, storage)
