"""The route of a learner's progress."""

from fastapi import APIRouter, Depends
from shared.db import Session
from shared.ratelimit import per_user
from shared.tokens import CurrentUser

from game.api.dependencies import TimeZone
from game.queries import progress as queries
from game.schemas.progress import Stats

router = APIRouter(prefix="/api/v1")


@router.get(
    "/game/stats",
    tags=["Game"],
    dependencies=[Depends(per_user("stats", per_minute=100))],
)
async def read_stats(session: Session, learner: CurrentUser, tz: TimeZone = "UTC") -> Stats:
    """Your progress, its days and streaks in the time zone `tz`."""
    return await queries.stats_of(session, learner.id, tz=tz)
