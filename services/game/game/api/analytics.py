"""Routes for the activity of all learners."""

from typing import Annotated

from fastapi import Query
from shared.http.dependencies import SessionDep

from game.api.dependencies import create_admin_router
from game.queries import analytics as queries
from game.queries import speech_analytics as speech_queries
from game.schemas.analytics import (
    ActivityFilter,
    ActivityOverview,
    RetentionRead,
    SpeechAnalyticsFilter,
    SpeechAnalyticsPage,
)

router = create_admin_router("editor", "admin")


@router.get("/analytics/overview", response_description="The activity in the period.")
async def get_activity_overview(
    period: Annotated[ActivityFilter, Query()], session: SessionDep
) -> ActivityOverview:
    """Get all learners' activity per local day, or per UTC day where that is unknown.

    `tz` only determines which day is today. Sessions are included a few seconds after they are saved. Average
    scores are per scorer, over verified scores.
    """
    return await queries.get_activity_overview(session, period=period)


@router.get("/analytics/retention", response_description="The cohorts of the period.")
async def get_retention(period: Annotated[ActivityFilter, Query()], session: SessionDep) -> RetentionRead:
    """Get how many learners returned, by the week of their first session. Deleted accounts do not count."""
    return await queries.get_retention(session, period=period)


@router.get("/analytics/speeches", response_description="One page of the speeches.")
async def list_speech_analytics(
    filters: Annotated[SpeechAnalyticsFilter, Query()], session: SessionDep
) -> SpeechAnalyticsPage:
    """List response statistics per speech, with a suggestion if a speech does not match its level.

    Use `page` for the first 10,000 speeches, or follow `next_cursor`, which leads through all of them.
    """
    return await speech_queries.list_speech_analytics(session, filters=filters)
