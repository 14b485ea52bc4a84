"""The route of the activity of all learners."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from shared.db import Session
from shared.ratelimit import per_user
from shared.tokens import Editor

from game.queries import activity as queries
from game.schemas.activity import ActivityFilter, ActivityOverview

router = APIRouter(prefix="/api/v1")


@router.get(
    "/admin/analytics/overview",
    tags=["Admin"],
    dependencies=[Depends(per_user("admin", per_minute=200))],
)
async def get_activity_overview(
    period: Annotated[ActivityFilter, Query()], session: Session, _: Editor
) -> ActivityOverview:
    """Activity of all learners by UTC day."""
    return await queries.get_activity_overview(session, period=period)
