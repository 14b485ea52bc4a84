from typing import Annotated

from fastapi import APIRouter, Depends, Query
from shared.http.dependencies import SessionDep, StorageDep
from shared.http.ratelimit import limit_per_user

from game.api.dependencies import LearnerDep, learner_errors
from game.queries import reviews as queries
from game.schemas.reviews import ReviewFilter, ReviewList

router = APIRouter(prefix="/api/v1/game/reviews", tags=["Game"])


@router.get(
    "",
    response_description="The most urgent reviews.",
    dependencies=[Depends(limit_per_user("reviews", per_minute=100))],
    responses=learner_errors(),
)
async def list_reviews(
    filters: Annotated[ReviewFilter, Query()], session: SessionDep, learner: LearnerDep, storage: StorageDep
) -> ReviewList:
    """List the speeches that are due for review, the one most likely forgotten first.

    Every speech that you played, and did not skip, comes up again after an interval of whole days, which
    grows with each correct result. A speech is not listed before it is due, nor if it was archived or
    deleted. Play the listed speeches, and save the session as usual: its results schedule the next reviews.
    """
    return await queries.list_reviews(session, learner.id, filters=filters, storage=storage)
