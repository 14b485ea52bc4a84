"""The export of everything held on a user."""

from datetime import UTC, datetime

from fastapi import Request, Response
from shared.security.current_user import CurrentUser

from auth.api.dependencies import DatabaseDep, profile_router
from auth.export.game_client import GameClient
from auth.queries.export import get_account_export
from auth.queries.users import get_current_user

profile = profile_router()


@profile.get(
    "/me/export",
    response_class=Response,
    responses={
        200: {
            "description": "A JSON document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        503: {"description": "`export_unavailable`: a part cannot be had now, and half is not given out."},
    },
)
async def export_account(request: Request, caller: CurrentUser, database: DatabaseDep) -> Response:
    """Everything that is held on you: `account`, and `game` with all sessions and their results."""
    async with database.transaction() as session:
        me = await get_current_user(session, caller)
        account = await get_account_export(session, me.id)
    games: GameClient = request.app.state.game
    # The games of years may be many; they are handed on as they come.
    played = await games.export(request.headers["authorization"].partition(" ")[2])
    exported_at = datetime.now(UTC).isoformat(timespec="seconds")
    document = b'{"exported_at":"%b","account":%b,"game":%b}' % (
        exported_at.encode(),
        account.model_dump_json().encode(),
        played,
    )
    headers = {
        "Content-Disposition": 'attachment; filename="parley-export.json"',
        "Cache-Control": "no-store",
    }
    return Response(document, media_type="application/json", headers=headers)
