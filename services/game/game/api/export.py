"""The route of the export, for other services in a learner's name. The gateway has no route to it."""

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from shared.http.dependencies import DatabaseDep
from shared.http.ratelimit import per_user
from shared.security.current_user import CurrentUser

from game.queries import export as queries

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/users/me/export", dependencies=[Depends(per_user("export", per_minute=10))])
async def export_game_data(database: DatabaseDep, learner: CurrentUser) -> StreamingResponse:
    """Stream everything that is stored on the learner. A failure midway breaks off the connection."""
    document = await queries.export_game_data(database, learner.id)
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(document, headers=headers, media_type="application/json")
