from typing import get_args

from contracts.vocabulary import Level
from shared.panel import Column, Filter, Listing, ListQuery, ResourceView, parse
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import SpeechFigures
from game.panel.figures import EXPLANATION, UNKNOWN_SCORER
from game.queries.speech_analytics import list_speech_analytics
from game.schemas.analytics import SpeechAnalytics, SpeechAnalyticsFilter


def list_averages(speech: SpeechAnalytics) -> list[str]:
    return [f"{score.average:.1f} ({score.scorer or UNKNOWN_SCORER})" for score in speech.scores]


class PlayedSpeechView(ResourceView, model=SpeechFigures):
    """Statistics of responses per speech, with a suggestion if one does not match its level."""

    path = "speeches"
    name, name_plural = "Played speech", "Played speeches"
    columns = (
        Column("text", "Speech", template="analytics/speech.html"),
        Column("level", "Level"),
        Column("plays", "Plays"),
        Column("correct_rate", "Correct rate", template="analytics/rate.html"),
        Column("measured_rate", "Adjusted rate", template="analytics/rate.html"),
        Column("level_rate", "Level average", template="analytics/rate.html"),
        Column("suggested_level", "Suggested level", template="analytics/suggestion.html"),
        Column("scores", "Average score", read=list_averages),
    )
    filters = (
        Filter("level", "Level", [(level, level) for level in get_args(Level)]),
        Filter("suggested", "Suggestions", [("true", "Another level")], any_label="All"),
        Filter("min_plays", "Minimum plays", input_type="number"),
        Filter(
            "order",
            "Order",
            [("easiest", "Easiest first"), ("most_played", "Most played first")],
            any_label="Hardest first",
        ),
    )
    explanation = EXPLANATION
    empty_text = "No speech has been played yet."
    can_view_details = False
    can_export = True
    list_template = "analytics/speeches.html"

    async def list_rows(self, session: AsyncSession, query: ListQuery) -> Listing:
        filter_values = {**query.filters}
        page = {"page": query.page, "limit": query.limit, "cursor": query.cursor}
        order = {"sort": filter_values.pop("order", "hardest")}
        filters = parse(SpeechAnalyticsFilter, {**filter_values, **page, **order})
        result = await list_speech_analytics(session, filters=filters)
        return Listing(result.speeches, result.pagination)
