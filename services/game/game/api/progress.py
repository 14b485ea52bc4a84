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
    """Get your progress: totals, streaks, sums per day, level and tag, hardest sentences, weakest phonemes.

    A session counts on the learner's local day of `completed_at`.

    A streak survives a missed day that a freeze covers. Every seventh day of a streak earns a freeze, while
    fewer than two are held. A missed day spends one at its end; that day does not count as a day of the
    streak. If more days in a row are missed than freezes are held, these are spent too, and the streak ends.
    Freezes are computed from the days with sessions: a session that is saved late returns the freeze of its
    day.
    """
    return await queries.get_progress(session, learner.id, tz=tz)
