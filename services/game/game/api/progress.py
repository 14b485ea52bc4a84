"""The route of a learner's progress."""

from fastapi import APIRouter, Depends
from shared.db import Session
from shared.ratelimit import per_user
from shared.tokens import CurrentUser

from game.api.dependencies import TimeZone
from game.queries import progress as queries
from game.schemas.progress import ProgressRead

router = APIRouter(prefix="/api/v1")


@router.get(
    "/game/stats",
    tags=["Game"],
    dependencies=[Depends(per_user("stats", per_minute=100))],
)
async def get_progress(session: Session, learner: CurrentUser, tz: TimeZone = "UTC") -> ProgressRead:
    """Your progress, its days and streaks in the time zone `tz`."""
    return await queries.get_progress(session, learner.id, tz=tz)
