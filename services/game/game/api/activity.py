"""The route of the activity of all learners."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from shared.db import Session
from shared.ratelimit import per_user
from shared.tokens import Editor

from game.queries import activity as queries
from game.schemas.activity import Overview, Period

router = APIRouter(prefix="/api/v1")


@router.get(
    "/admin/analytics/overview",
    tags=["Admin"],
    dependencies=[Depends(per_user("admin", per_minute=200))],
)
async def read_overview(period: Annotated[Period, Query()], session: Session, _: Editor) -> Overview:
    """Activity of all learners by UTC day."""
    return await queries.overview(session, period=period)
