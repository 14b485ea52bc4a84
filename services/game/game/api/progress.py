from typing import Annotated

from fastapi import APIRouter, Depends, Query
from shared.http.dependencies import SessionDep
from shared.http.ratelimit import per_user
from shared.security.current_user import CurrentUser

from game.api.dependencies import learner_errors
from game.queries import progress as queries
from game.schemas.progress import ProgressRead

router = APIRouter(prefix="/api/v1/game/stats", tags=["Game"])

TimeZone = Annotated[
    str, Query(max_length=64, description="IANA name, or an offset: `+03:00`.", examples=["Europe/Berlin"])
]


@router.get(
    "",
    response_description="Your progress.",
    dependencies=[Depends(per_user("stats", per_minute=100))],
    responses=learner_errors(),
)
async def get_progress(session: SessionDep, learner: CurrentUser, tz: TimeZone = "UTC") -> ProgressRead:
    """Get your progress: totals, streaks, and sums per day and level.

    Days and streaks follow the time zone `tz`.
    """
    return await queries.get_progress(session, learner.id, tz=tz)
