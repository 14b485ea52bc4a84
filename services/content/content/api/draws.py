"""The routes of learners: tags, the draw, one speech."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic_core import to_json
from shared.data.storage import Storage
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address, per_user

from content import cached
from content.api.dependencies import ETAG, AudioStorage, ReadCache, Responses, heard
from content.catalogue.index import Catalogue
from content.queries.draws import DrawnSpeech, drawn_speeches
from content.schemas.speeches import Draw, Speech, Speeches, Tags

router = APIRouter(prefix="/api/v1", tags=["Content"])

IfNoneMatch = Annotated[str, Header(description="The `ETag` of the tags that the client has.")]
TAGS: Responses = {
    200: {"headers": ETAG},
    304: {"description": "They are still those of `If-None-Match`.", "headers": ETAG},
}
# Anyone may read them, so that it is addresses that are counted.
TAGS_LIMIT = [Depends(per_address("tags", per_minute=100))]


@router.get("/tags", response_model=Tags, responses=TAGS, dependencies=TAGS_LIMIT)
@router.get("/game/tags", response_model=Tags, responses=TAGS, dependencies=TAGS_LIMIT)
async def list_tags(session: Session, cache: ReadCache, if_none_match: IfNoneMatch = "") -> Response:
    """All tags, by category and name.

    Send the `ETag` of the last answer as `If-None-Match`: while nothing has changed, the answer is 304.
    """
    tags = Tags.model_validate({"tags": await cached.tags(cache, session)}, from_attributes=True)
    body = tags.model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # May be kept, but is to be asked for: a changed tag shows at once.
    headers = {"ETag": etag, "Cache-Control": "public, no-cache"}
    # A proxy that compresses the answer marks its tag as weak.
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


@router.post(
    "/game/speeches/random",
    response_model=Speeches,
    dependencies=[Depends(per_user("random", per_minute=60))],
    responses={
        404: {"description": "`no_speeches_match`: none is as asked for, or all were excluded."},
        503: {"description": "`catalogue_unavailable`: it is still being read; `database_unavailable`."},
    },
)
async def draw_speeches(draw: Draw, request: Request) -> Response:
    """Draw speeches at random. Every speech that matches is as likely as every other, and none comes twice.

    The answer holds fewer than `limit` when fewer match. Ids in `tags` and `exclude` that do not exist are no
    error, and neither are repeated ones.
    """
    # The route that is asked most takes no dependency that it can do without, and writes its JSON itself.
    state = request.app.state
    catalogue: Catalogue = state.catalogue.current()
    drawn = await drawn_speeches(
        state.database, catalogue, draw.filter(), most=draw.limit, excluded=frozenset(draw.exclude)
    )
    body = to_json({"speeches": [_drawn(speech, state.storage) for speech in drawn]})
    return Response(body, media_type="application/json")


@router.get(
    "/speeches/{speech_id}",
    dependencies=[Depends(per_user("speeches", per_minute=100))],
    responses={404: {"description": "`speech_not_found`."}},
)
async def get_speech(speech_id: UUID, session: Session, storage: AudioStorage, cache: ReadCache) -> Speech:
    """A speech, with an address of its recording that is good for at least half an hour."""
    return heard(await cached.speech(cache, session, speech_id), storage)


def _drawn(speech: DrawnSpeech, storage: Storage) -> dict[str, object]:
    """The fields of schemas.Speech, as the database and the storage have them."""
    audio_url, expires_at = storage.presigned(speech.audio_key)
    return {
        # The driver's UUIDs are of a class of its own, which takes the JSON writer ten times as long.
        "id": str(speech.id),
        "text": speech.text,
        "audio_url": audio_url,
        "audio_expires_at": expires_at,
        "duration_ms": speech.duration_ms,
        "level": speech.level,
        "type": speech.type,
        "tags": [{"id": str(tag_id), "name": name} for tag_id, name in speech.tags],
    }
