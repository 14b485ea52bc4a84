"""The Analytics page. Its figures come from the queries of the API."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from shared.clock import utc_now
from shared.errors import Invalid, NotFound
from shared.panel import PageView, expose, parse, to_csv_response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from game.domain.time_zones import parse_time_zone
from game.panel.figures import EXPLANATION, Figure, create_figures, create_retention, create_speeches
from game.queries.analytics import get_activity_overview, get_retention
from game.queries.speech_analytics import list_speech_analytics
from game.schemas.analytics import ActivityFilter, ActivityOverview, SpeechAnalyticsFilter

FIELDS = {"from": "From", "to": "To", "tz": "Time zone"}
PRESETS = {"7 days": 7, "30 days": 30, "90 days": 90, "A year": 365}
MAX_SHOWN_SPEECHES = 10


@dataclass(frozen=True)
class Preset:
    label: str
    first: date
    last: date


@dataclass(frozen=True)
class Analytics:
    """The page's data for one period."""

    overview: ActivityOverview
    figures: Sequence[Figure]
    retention: Figure
    hardest: Figure
    suggested: Figure
    total_suggested: int

    @property
    def sessions(self) -> int:
        return sum(day.sessions for day in self.overview.days)

    @property
    def is_empty(self) -> bool:
        return not self.sessions and not self.overview.registrations


class AnalyticsView(PageView):
    path, name = "analytics", "Analytics"
    explanation = EXPLANATION

    @expose("/analytics")
    async def show(self, request: Request) -> Response:
        requested = _read_asked(request)
        try:
            async with self.panel.transaction() as session:
                analytics, problems = await get_analytics(session, parse(ActivityFilter, requested)), {}
        except Invalid as error:
            analytics, problems = None, list_problems(error)
        return await self.render(
            request,
            "analytics/analytics.html",
            status=422 if problems else 200,
            analytics=analytics,
            asked=requested if analytics is None else _describe_period(analytics.overview, requested),
            fields=FIELDS,
            problems=problems,
            presets=list_presets(_get_today(requested)),
        )

    @expose("/analytics/{figure}.csv")
    async def export(self, request: Request) -> Response:
        period = parse(ActivityFilter, _read_asked(request))
        async with self.panel.transaction() as session:
            figure = await _find_figure(session, request.path_params["figure"], period)

        async def list_chunks() -> AsyncIterator[Iterable[Sequence[Any]]]:
            yield figure.list_values()

        return to_csv_response(f"{figure.name}.csv", figure.header, list_chunks())


def _read_asked(request: Request) -> dict[str, str]:
    params = request.query_params
    return {name: params[name] for name in FIELDS if params.get(name)}


def _describe_period(overview: ActivityOverview, requested: Mapping[str, str]) -> dict[str, str]:
    return {**requested, "from": overview.from_.isoformat(), "to": overview.to.isoformat()}


async def get_analytics(session: AsyncSession, period: ActivityFilter) -> Analytics:
    overview = await get_activity_overview(session, period=period)
    first_page = SpeechAnalyticsFilter(limit=MAX_SHOWN_SPEECHES)
    hardest = await list_speech_analytics(session, filters=first_page)
    suggestions = first_page.model_copy(update={"suggested": True, "sort": "most_played"})
    suggested = await list_speech_analytics(session, filters=suggestions)
    return Analytics(
        overview=overview,
        figures=create_figures(overview),
        retention=create_retention(await get_retention(session, period=period)),
        hardest=create_speeches("hardest", "Hardest speeches", hardest.speeches),
        suggested=create_speeches("suggested", "Another level is suggested", suggested.speeches),
        total_suggested=suggested.pagination.total,
    )


async def _find_figure(session: AsyncSession, name: str, period: ActivityFilter) -> Figure:
    if name == "retention":
        return create_retention(await get_retention(session, period=period))
    figures = create_figures(await get_activity_overview(session, period=period))
    figure = next((figure for figure in figures if figure.name == name), None)
    if figure is None:
        raise NotFound("There is no such table.")
    return figure


def list_problems(error: Invalid) -> dict[str, str]:
    """Return the message for each field."""
    problems = {}
    for violation in error.extra.get("errors") or ():
        name = violation["pointer"].rpartition("/")[2]
        message = violation["message"].removeprefix("Input ").removeprefix("String ").removesuffix(".")
        problems[name] = f"{FIELDS[name]} {message[:1].lower()}{message[1:]}."
    return problems


def list_presets(today: date) -> list[Preset]:
    return [Preset(label, today - timedelta(days=days - 1), today) for label, days in PRESETS.items()]


def _get_today(requested: Mapping[str, str]) -> date:
    try:
        zone = parse_time_zone(requested.get("tz", "UTC"))
    except Invalid:
        zone = UTC
    return utc_now().astimezone(zone).date()
