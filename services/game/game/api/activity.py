"""The route of the activity of all learners."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from shared.http.dependencies import SessionDep
from shared.http.ratelimit import per_user

from game.api.dependencies import EditorDep, admin_errors
from game.queries import activity as queries
from game.schemas.activity import ActivityFilter, ActivityOverview

router = APIRouter(prefix="/api/v1/admin/analytics", tags=["Admin"])


@router.get(
    "/overview",
    response_description="The activity in the period.",
    dependencies=[Depends(per_user("admin", per_minute=200))],
    responses=admin_errors(),
)
async def get_activity_overview(
    period: Annotated[ActivityFilter, Query()], session: SessionDep, _: EditorDep
) -> ActivityOverview:
    """Get the activity of all learners per day on their walls, or per UTC day where that is unknown."""
    return await queries.get_activity_overview(session, period=period)
