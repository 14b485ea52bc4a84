"""The HTTP routes of the content service."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from shared.db import CurrentDatabase, Session
from shared.ratelimit import per_user
from shared.storage import Storage
from shared.tokens import CurrentUser, Editor

from content import queries
from content.catalogue import Catalogue
from content.draw import DrawnSpeech, drawn_speeches
from content.following import FollowedCatalogue
from content.queries import StoredSpeech
from content.schemas import Draw, Speech, SpeechDetails, Speeches, Statistics, Tags

TAGS_SECONDS = 60


async def _catalogue(request: Request) -> Catalogue:
    followed: FollowedCatalogue = request.app.state.catalogue
    return followed.current()


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


CurrentCatalogue = Annotated[Catalogue, Depends(_catalogue)]
AudioStorage = Annotated[Storage, Depends(_storage)]

router = APIRouter(prefix="/api/v1", tags=["Content"])


@router.get("/tags", response_model=Tags, responses={304: {"description": "As in `If-None-Match`."}})
@router.get("/game/tags", response_model=Tags, responses={304: {"description": "As in `If-None-Match`."}})
async def list_tags(session: Session, if_none_match: Annotated[str, Header()] = "") -> Response:
    """All tags, by category and name.

    Send the `ETag` of the last answer as `If-None-Match`: while nothing has changed, the answer is 304.
    """
    tags = Tags.model_validate({"tags": await queries.all_tags(session)}, from_attributes=True)
    body = tags.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={TAGS_SECONDS}"}
    # A proxy that compresses the answer marks its tag as weak.
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


@router.post(
    "/game/speeches/random",
    dependencies=[Depends(per_user("random", per_minute=60))],
    responses={404: {"description": "`no_speeches_match`: none is as asked for, or all were excluded."}},
)
async def draw_speeches(
    draw: Draw, database: CurrentDatabase, catalogue: CurrentCatalogue, storage: AudioStorage
) -> Speeches:
    """Draw speeches at random. Every speech that matches is as likely as every other, and none comes twice.

    The answer holds fewer than `limit` when fewer match. Ids in `tags` and `exclude` that do not exist are no
    error, and neither are repeated ones.
    """
    excluded = frozenset(draw.exclude)
    drawn = await drawn_speeches(database, catalogue, draw.filter(), most=draw.limit, excluded=excluded)
    return Speeches.model_validate({"speeches": [_drawn(speech, storage) for speech in drawn]})


@router.get("/speeches/{speech_id}", responses={404: {"description": "`speech_not_found`."}})
async def get_speech(speech_id: UUID, session: Session, storage: AudioStorage, _: CurrentUser) -> Speech:
    """A speech, with an address of its recording that is good for at least half an hour."""
    return _heard(await queries.speech(session, speech_id), storage)


@router.get(
    "/admin/speeches/{speech_id}",
    tags=["Admin"],
    dependencies=[Depends(per_user("admin", per_minute=200))],
    responses={404: {"description": "`speech_not_found`."}},
)
async def get_speech_details(
    speech_id: UUID, session: Session, storage: AudioStorage, _: Editor
) -> SpeechDetails:
    """A speech as editors see it: with its revision, and how it was played."""
    speech, history = await queries.speech_with_history(session, speech_id)
    statistics = Statistics(
        plays=history.plays.plays,
        correct_rate=history.plays.correct_rate,
        average_score=history.plays.average_score,
    )
    return SpeechDetails(
        **_heard(speech, storage).model_dump(),
        revision=history.revision,
        created_at=history.created_at,
        updated_at=history.updated_at,
        statistics=statistics,
    )


def _drawn(speech: DrawnSpeech, storage: Storage) -> dict[str, object]:
    # Fields by name, for one validation of all speeches: one of each would take half as long again.
    audio_url, expires_at = storage.presigned(speech.audio_key)
    return {
        "id": speech.id,
        "text": speech.text,
        "audio_url": audio_url,
        "audio_expires_at": expires_at,
        "duration_ms": speech.duration_ms,
        "level": speech.level,
        "type": speech.type,
        "tags": [{"id": tag_id, "name": name} for tag_id, name in speech.tags],
    }


def _heard(speech: StoredSpeech, storage: Storage) -> Speech:
    """The speech with an address that its recording can be played from."""
    audio_url, expires_at = storage.presigned(speech.audio_key)
    return Speech.model_validate(
        {**speech._asdict(), "audio_url": audio_url, "audio_expires_at": expires_at},
    )
