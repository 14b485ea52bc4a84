"""The routes of learners: tags, the draw, one speech."""

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json
from shared.ratelimit import per_user
from shared.storage import Storage

from content import queries
from content.catalogue.index import Catalogue
from content.queries.draws import DrawnSpeech
from content.schemas.draws import DrawnSpeeches, DrawRequest

router = APIRouter(prefix="/api/v1", tags=["Content"])


@router.post(
    "/game/speeches/random",
    response_model=DrawnSpeeches,
    dependencies=[Depends(per_user("random", per_minute=60))],
    responses={
        404: {"description": "`no_speeches_match`: none is as asked for, or all were excluded."},
        503: {"description": "`catalogue_unavailable`: it is still being read; `database_unavailable`."},
    },
)
async def draw_speeches(draw: DrawRequest, request: Request) -> Response:
    """Draw speeches at random. Every speech that matches is as likely as every other, and none comes twice.

    The answer holds fewer than `limit` when fewer match. Ids in `tags` and `exclude` that do not exist are no
    error, and neither are repeated ones.
    """
    # The route that is asked most takes no dependency that it can do without, and writes its JSON itself.
    state = request.app.state
    catalogue: Catalogue = state.catalogue.current()
    drawn = await queries.draw_speeches(
        state.database, catalogue, draw.filter(), most=draw.limit, excluded=frozenset(draw.exclude)
    )
    body = to_json({"speeches": [_drawn(speech, state.storage) for speech in drawn]})
    return Response(body, media_type="application/json")


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
