from fastapi import APIRouter, Depends
from shared.http.dependencies import SessionDep
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser

from game.api.dependencies import learner_errors
from game.commands import goals as commands
from game.schemas.goals import GoalRead, GoalUpdate

router = APIRouter(prefix="/api/v1/game/goal", tags=["Game"])


@router.put(
    "",
    response_description="Your goal.",
    dependencies=[Depends(limit_per_user("goal", per_minute=100))],
    responses=learner_errors(),
)
async def update_goal(change: GoalUpdate, session: SessionDep, learner: CurrentUser) -> GoalRead:
    """Set how many sentences you want to practise per day.

    `GET /api/v1/game/stats` shows whether the goal is reached today. A new goal applies to today, too.
    """
    await commands.update_goal(session, learner.id, sentences_per_day=change.sentences_per_day)
    return GoalRead(sentences_per_day=change.sentences_per_day)
