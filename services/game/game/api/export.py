"""The export, for other services on a learner's behalf. The gateway has no route to it."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from shared.http.dependencies import DatabaseDep, from_state
from shared.http.paced_response import PacedResponse
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser

from game.export import ExportBudget
from game.queries import export as queries

router = APIRouter(prefix="/internal", include_in_schema=False)


async def _reserve_bytes(
    learner: CurrentUser, budget: Annotated[ExportBudget, from_state("export_budget")]
) -> AsyncIterator[None]:
    # FastAPI exits it after the response, however the stream ended.
    with budget.reserve(learner.id):
        yield


@router.get(
    "/users/me/export",
    response_class=PacedResponse,
    dependencies=[Depends(limit_per_user("export", per_minute=10)), Depends(_reserve_bytes)],
)
async def export_game_data(database: DatabaseDep, learner: CurrentUser) -> PacedResponse:
    """Stream all data stored on the learner. A failure midway aborts the connection."""
    document = await queries.export_game_data(database, learner.id)
    headers = {"Cache-Control": "no-store"}
    return PacedResponse(document, headers=headers, media_type="application/json")
