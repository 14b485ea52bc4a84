"""The figures of the Analytics page. Each is one table, shown as a table, as charts and as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from shared.panel.formats import show, show_duration

from game.domain.analytics import MAX_RATE_DIFFERENCE, MIN_SUGGESTION_PLAYS
from game.models import PRIOR_CORRECT, PRIOR_PLAYS
from game.queries.analytics import BUCKETS, MAX_WEEKS_AFTER, MIN_PHONEME_SCORES
from game.schemas.analytics import (
    ActivityOverview,
    Cohort,
    DayActivity,
    RetentionRead,
    ScorerAverage,
    SpeechAnalytics,
)

type Unit = Literal["", "%", "min", "text"]
type Kind = Literal["line", "bar", "bars"]
"""`bars` are horizontal, because labels may be long."""

MAX_CHARTED_TAGS = 12
UNKNOWN_SCORER = "unknown scorer"
EXPLANATION = (
    "The correct rate is the share of correct responses since a speech was published, without skipped ones. "
    f"The adjusted rate adds {PRIOR_PLAYS} plays, of which {PRIOR_CORRECT} are correct, because a few plays "
    f"are not reliable. From {MIN_SUGGESTION_PLAYS} plays on, another level is suggested if the adjusted "
    f"rate differs by more than {MAX_RATE_DIFFERENCE * 100:.0f} points from the average of its level."
)
TAGS_NOTE = "These are the tags with the most sessions. A session with several tags counts for each of them."


@dataclass(frozen=True)
class Measure:
    """A column of a figure. Values are shares (0-1) for the unit %, and seconds for min."""

    label: str
    read: Callable[[Any], Any]
    unit: Unit = ""

    def show(self, row: Any) -> str:
        """Return the formatted value."""
        value = self.read(row)
        if value is None or self.unit in ("", "text"):
            return show(value)
        return f"{value:.1%}" if self.unit == "%" else show_duration(value * 1000)

    def plot(self, row: Any) -> float | None:
        """Return the value in its unit, for a chart."""
        value = self.read(row)
        if value is None or self.unit == "text":
            return None
        factor = {"%": 100, "min": 1 / 60}.get(self.unit, 1)
        return round(float(value * factor), 2)


@dataclass(frozen=True)
class Chart:
    """A chart of some columns of a table, which are given by position."""

    title: str
    kind: Kind
    columns: Sequence[int]
    rows: slice = field(default_factory=lambda: slice(None))
    unit: Unit = ""
    highest: int | None = None
    """The maximum of the value axis, if any."""


@dataclass(frozen=True)
class Figure:
    """A table whose first column names the rows, and its charts."""

    name: str
    title: str
    columns: Sequence[Measure]
    rows: Sequence[Any]
    charts: Sequence[Chart]
    note: str = ""
    empty_text: str = "There were no sessions in this period."

    @property
    def header(self) -> list[str]:
        return [
            f"{column.label} in seconds" if column.unit == "min" else column.label for column in self.columns
        ]

    def list_values(self) -> list[list[Any]]:
        """Return the rows for a spreadsheet, with the values of the API."""
        return [[column.read(row) for column in self.columns] for row in self.rows]


def create_figures(overview: ActivityOverview) -> list[Figure]:
    scorers = [scores.scorer for scores in overview.scores]
    return [
        _create_days(overview),
        _create_scores(overview),
        _create_levels(overview, scorers),
        _create_tags(overview, scorers),
        _create_phonemes(overview),
    ]


def _create_days(overview: ActivityOverview) -> Figure:
    return Figure(
        "days",
        "Activity by day",
        (
            Measure("Day", lambda day: day.date, "text"),
            Measure("Active learners", lambda day: day.active_learners),
            Measure("Registrations", lambda day: day.registrations),
            Measure("Sessions", lambda day: day.sessions),
            Measure("Average duration", compute_average_seconds, "min"),
            Measure("Sentences", lambda day: day.sentences),
            Measure("Correct", lambda day: day.correct),
        ),
        overview.days,
        (
            Chart("Active learners and registrations", "line", (1, 2)),
            Chart("Sessions", "bar", (3,)),
            Chart("Average duration of a session, in minutes", "line", (4,), unit="min"),
        ),
    )


def compute_average_seconds(day: DayActivity) -> float | None:
    return round(day.seconds / day.sessions, 1) if day.sessions else None


def _create_scores(overview: ActivityOverview) -> Figure:
    columns = [Measure("Score", describe_band, "text")]
    for number, scores in enumerate(overview.scores):
        scorer = scores.scorer or UNKNOWN_SCORER
        columns.append(Measure(scorer, partial(_get_band, overview, number)))
        columns.append(Measure(f"{scorer}, share", partial(_get_band_share, overview, number), "%"))
    share_columns = tuple(range(2, len(columns), 2))
    return Figure(
        "scores",
        "Pronunciation scores",
        columns,
        BUCKETS if overview.scores else (),
        (Chart("Share of the verified scores in each band, in percent", "bar", share_columns, unit="%"),),
        note="Only verified scores are included. Scores of different scorers cannot be compared.",
        empty_text="There were no verified scores in this period.",
    )


def describe_band(bucket: int) -> str:
    return f"{bucket * 10} to {100 if bucket == BUCKETS[-1] else bucket * 10 + 9.9:g}"


def _get_band(overview: ActivityOverview, number: int, bucket: int) -> int:
    return overview.scores[number].distribution[bucket]


def _get_band_share(overview: ActivityOverview, number: int, bucket: int) -> float:
    band_scores = overview.scores[number]
    return round(band_scores.distribution[bucket] / band_scores.scores, 4)


def _create_levels(overview: ActivityOverview, scorers: Sequence[str | None]) -> Figure:
    label = Measure("Level", lambda row: row.level, "text")
    return Figure(
        "levels",
        "Levels",
        (label, *_create_session_columns(scorers)),
        overview.levels,
        (
            Chart("Sessions by level", "bar", (1,)),
            Chart("Correct answers by level, in percent", "bar", (3,), unit="%", highest=100),
        ),
        note="Skipped sentences do not count as answers.",
    )


def _create_tags(overview: ActivityOverview, scorers: Sequence[str | None]) -> Figure:
    label = Measure("Tag", lambda row: row.name or str(row.id), "text")
    charted_rows = slice(MAX_CHARTED_TAGS)
    return Figure(
        "tags",
        "Tags",
        (label, *_create_session_columns(scorers)),
        overview.tags,
        (
            Chart("Sessions by tag", "bars", (1,), charted_rows),
            Chart("Correct answers by tag, in percent", "bars", (3,), charted_rows, unit="%", highest=100),
        ),
        note=TAGS_NOTE,
        empty_text="There were no sessions with tags in this period.",
    )


def _create_session_columns(scorers: Sequence[str | None]) -> list[Measure]:
    averages = [
        Measure(f"Average of {scorer or UNKNOWN_SCORER}", partial(_get_average, scorer)) for scorer in scorers
    ]
    return [
        Measure("Sessions", lambda row: row.sessions),
        Measure("Sentences", lambda row: row.sentences),
        Measure("Correct answers", lambda row: row.correct_rate, "%"),
        *averages,
    ]


def _get_average(scorer: str | None, row: Any) -> float | None:
    averages: Sequence[ScorerAverage] = row.scores
    return next((score.average for score in averages if score.scorer == scorer), None)


def _create_phonemes(overview: ActivityOverview) -> Figure:
    rows = overview.hardest_phonemes
    scorers = dict.fromkeys(row.scorer for row in rows)
    return Figure(
        "phonemes",
        "Hardest phonemes",
        (
            Measure("Phoneme", lambda row: row.symbol, "text"),
            Measure("Scorer", lambda row: row.scorer, "text"),
            Measure("Scores", lambda row: row.scores),
            Measure("Average score", lambda row: row.average),
        ),
        rows,
        [_create_phoneme_chart(scorer, [row.scorer for row in rows]) for scorer in scorers],
        note=f"Each has at least {MIN_PHONEME_SCORES} verified scores. They are written in the alphabet of "
        "the scorer.",
        empty_text="There are not enough verified phoneme scores in this period.",
    )


def _create_phoneme_chart(scorer: str, scorers: list[str]) -> Chart:
    """Chart the rows of one scorer, which are adjacent."""
    first = scorers.index(scorer)
    rows = slice(first, first + scorers.count(scorer))
    return Chart(f"Average score by {scorer}", "bars", (3,), rows, highest=100)


def create_retention(retention: RetentionRead) -> Figure:
    weeks = [
        Measure(f"Week {week}", partial(_count_returned, week)) for week in range(1, MAX_WEEKS_AFTER + 1)
    ]
    return Figure(
        "retention",
        "Retention",
        (
            Measure("First session in the week of", lambda cohort: cohort.week, "text"),
            Measure("Learners", lambda cohort: cohort.learners),
            *weeks,
        ),
        retention.cohorts,
        (),
        note="How many learners had another session in the weeks after their first one. The "
        "last week of a row may not be over yet. Deleted accounts do not count.",
        empty_text="No learner's first session was in a week that began in this period.",
    )


def _count_returned(week: int, cohort: Cohort) -> int | None:
    return cohort.returned[week - 1] if week <= len(cohort.returned) else None


def create_speeches(name: str, title: str, speeches: Sequence[SpeechAnalytics]) -> Figure:
    return Figure(
        name,
        title,
        (
            Measure("Speech", lambda speech: speech.text, "text"),
            Measure("Level", lambda speech: speech.level, "text"),
            Measure("Plays", lambda speech: speech.plays),
            Measure("Correct rate", lambda speech: speech.correct_rate, "%"),
            Measure("Adjusted rate", lambda speech: speech.measured_rate, "%"),
            Measure("Level average", lambda speech: speech.level_rate, "%"),
            Measure("Suggested level", lambda speech: speech.suggested_level, "text"),
        ),
        speeches,
        (Chart("Correct responses, in percent", "bars", (4, 5), unit="%", highest=100),),
    )
