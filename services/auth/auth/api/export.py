from typing import Any

from fastapi import Depends, Request, Response
from shared.http.dependencies import DatabaseDep
from shared.http.paced_response import PacedResponse
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser

from auth.api.dependencies import GameClientDep, create_profile_router, profile_errors
from auth.errors import ExportUnavailable
from auth.export import ExportInterrupted
from auth.queries import export as queries

EXAMPLE: dict[str, Any] = {
    "exported_at": "2026-05-01T12:00:00+00:00",
    "account": {"profile": {"email": "ada@example.com", "name": "Ada"}, "has_password": True},
    "game": {"sessions": []},
}
JSON_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A JSON document to save as a file.",
        "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}},
    }
}

# Game aborts stalled streams earlier.
GRACE_SECONDS = 30.0

profile = create_profile_router()


@profile.get(
    "/me/export",
    response_class=Response,
    dependencies=[Depends(limit_per_user("export_account", per_minute=10))],
    responses=JSON_DOCUMENT | profile_errors(ExportUnavailable),
)
async def export_account(
    request: Request, caller: CurrentUser, database: DatabaseDep, game: GameClientDep
) -> PacedResponse:
    """Export all your data: `account`, and `game` with all sessions and their results.

    The document is streamed. If it cannot be completed, the connection is closed before its end: repeat the
    request. You can run one export at a time, and a client that stalls is disconnected.
    """
    access_token = request.headers["authorization"].partition(" ")[2]
    pieces = await queries.export_account(database, game, caller, access_token=access_token)
    headers = {
        "Content-Disposition": 'attachment; filename="parley-export.json"',
        "Cache-Control": "no-store",
    }
    return PacedResponse(
        pieces,
        media_type="application/json",
        headers=headers,
        grace_seconds=GRACE_SECONDS,
        failures=(ExportInterrupted,),
    )
