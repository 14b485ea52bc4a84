"""The route of the export, which other services ask in a learner's name. The gateway has no route to it."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from shared.ratelimit import per_user
from shared.tokens import CurrentUser

from game.api.dependencies import DatabaseDep
from game.queries import export as queries

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/users/me/export", dependencies=[Depends(per_user("export", per_minute=10))])
async def export_game_data(database: DatabaseDep, learner: CurrentUser) -> StreamingResponse:
    """Everything that is held on the learner. A failure on the way breaks the connection off."""
    document = queries.export_game_data(database, learner.id)
    # Read before the status is sent, so that a database that is away is a 503.
    start = await anext(document)

    async def pieces() -> AsyncIterator[bytes]:
        yield start
        async for piece in document:
            yield piece

    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(pieces(), headers=headers, media_type="application/json")
