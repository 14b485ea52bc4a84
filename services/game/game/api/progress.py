from typing import Annotated

from fastapi import APIRouter, Depends, Query
from shared.http.dependencies import SessionDep
from shared.http.ratelimit import limit_per_user

from game.api.dependencies import LearnerDep, learner_errors
from game.queries import progress as queries
from game.schemas.progress import ProgressRead
from game.types import TimeZoneName

router = APIRouter(prefix="/api/v1/game/stats", tags=["Game"])


@router.get(
    "",
    response_description="Your progress.",
    dependencies=[Depends(limit_per_user("stats", per_minute=100))],
    responses=learner_errors(),
)
async def get_progress(
    session: SessionDep, learner: LearnerDep, tz: Annotated[TimeZoneName, Query()] = "UTC"
) -> ProgressRead:
    """Get your progress: totals, streaks, and sums per day and level.

    A session counts on the learner's local day of `completed_at`.
    """
    return await queries.get_progress(session, learner.id, tz=tz)
