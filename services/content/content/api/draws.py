from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser

from content.api.dependencies import learner_errors, to_speech_fields
from content.catalogue import Catalogue
from content.errors import CatalogueUnavailable, NoSpeechesMatch
from content.queries import draws as queries
from content.recent_plays import RecentPlays
from content.schemas.draws import DrawnSpeeches, DrawRequest

router = APIRouter(prefix="/api/v1", tags=["Content"])


@router.post(
    "/game/speeches/random",
    response_description="The drawn speeches.",
    response_model=DrawnSpeeches,
    dependencies=[Depends(limit_per_user("random", per_minute=60))],
    responses=learner_errors(NoSpeechesMatch, CatalogueUnavailable),
)
async def draw_speeches(draw: DrawRequest, request: Request, learner: CurrentUser) -> Response:
    """Draw distinct speeches at random. Every speech that matches has the same probability.

    With `fresh`, those that you played lately are drawn only if too few others match, the one played longest
    ago first.

    The response has fewer than `limit` speeches if fewer match. Unknown and repeated ids in `tags` and
    `exclude` are ignored.
    """
    # This is the busiest route: it uses as few dependencies as possible, and writes its JSON itself.
    state = request.app.state
    catalogue: Catalogue = state.catalogue.get_catalogue()
    recent_plays: RecentPlays = state.recent_plays
    speeches = await queries.draw_speeches(
        state.database,
        catalogue,
        draw.to_filter(),
        limit=draw.limit,
        excluded=frozenset(draw.exclude),
        drawn_last=await recent_plays.list_speech_ids(learner.id) if draw.fresh else (),
    )
    body = to_json({"speeches": [to_speech_fields(speech, state.storage) for speech in speeches]})
    return Response(body, media_type="application/json")
