"""Schemas of the activity of all learners, and of the difficulty of speeches."""

import datetime as dt
from typing import Literal
from uuid import UUID

from contracts.vocabulary import Level
from pydantic import BaseModel, ConfigDict, Field
from shared.http.pagination import AdminPageQuery, Pagination

from game.domain.analytics import MAX_RATE_DIFFERENCE, MIN_SUGGESTION_PLAYS
from game.schemas.sessions import SPEECH_ID, TAG_ID
from game.types import Day, TimeZoneName

SCORER = "Name and version of the scorer. Null for scores from before scorers were recorded."
CORRECT_RATE = "Share of correct results among those that were not skipped, 0-1."


class ActivityFilter(BaseModel):
    """A period of days, both inclusive."""

    from_: Day | None = Field(
        default=None,
        alias="from",
        description="At most a year before `to`. The default period is 30 days.",
        examples=["2026-03-01"],
    )
    to: Day | None = Field(default=None, description="Today in `tz` by default.", examples=["2026-03-31"])
    tz: TimeZoneName = "UTC"


class DayActivity(BaseModel):
    """The activity of all learners on one day, and the accounts created on that UTC day."""

    model_config = ConfigDict(from_attributes=True)

    date: dt.date = Field(examples=["2026-03-01"])
    active_learners: int = Field(examples=[120])
    registrations: int = Field(examples=[12])
    sessions: int = Field(examples=[310])
    sentences: int = Field(examples=[3100])
    correct: int = Field(examples=[2350])
    seconds: int = Field(description="The sum of the sessions' durations.", examples=[88474])


class ActiveLearners(BaseModel):
    """Different learners on the last day, and in the 7 and 30 days up to it."""

    model_config = ConfigDict(from_attributes=True)

    daily: int = Field(examples=[120])
    weekly: int = Field(examples=[480])
    monthly: int = Field(examples=[1250])


class ScorerAverage(BaseModel):
    """Verified scores of one scorer. Averages of different scorers cannot be compared."""

    model_config = ConfigDict(from_attributes=True)

    scorer: str | None = Field(description=SCORER, examples=["offline-2"])
    scores: int = Field(examples=[1840])
    average: float = Field(description="0-100.", examples=[78.4])


class ScoreDistribution(ScorerAverage):
    """Verified scores of one scorer in bands of ten: the first is 0 to below 10, the last 90 to 100."""

    distribution: list[int] = Field(examples=[[0, 3, 8, 20, 61, 148, 300, 500, 550, 250]])


class LevelActivity(BaseModel):
    """The sessions of one level."""

    level: Level = Field(description="Level of the Common European Framework (CEFR).")
    sessions: int = Field(examples=[310])
    sentences: int = Field(examples=[3100])
    correct_rate: float | None = Field(description=CORRECT_RATE, examples=[0.7581])
    scores: list[ScorerAverage]


class TagActivity(BaseModel):
    """The sessions for which a tag was selected; one with several tags counts for each of them."""

    id: UUID = Field(examples=[TAG_ID])
    name: str | None = Field(description="Null for a tag whose name is not known.", examples=["greetings"])
    sessions: int = Field(examples=[90])
    sentences: int = Field(examples=[900])
    correct_rate: float | None = Field(description=CORRECT_RATE, examples=[0.7033])
    scores: list[ScorerAverage]


class PhonemeActivity(BaseModel):
    """The scores of one phoneme by one scorer."""

    model_config = ConfigDict(from_attributes=True)

    symbol: str = Field(description="In the alphabet of the scorer.", examples=["TH"])
    scorer: str = Field(examples=["offline-2"])
    scores: int = Field(examples=[412])
    average: float = Field(description="0-100.", examples=[61.7])


class ActivityOverview(BaseModel):
    """The activity of all learners in a period."""

    from_: dt.date = Field(serialization_alias="from", examples=["2026-03-01"])
    to: dt.date = Field(examples=["2026-03-31"])
    days: list[DayActivity] = Field(description="Every day of the period, oldest first.")
    active_learners: ActiveLearners
    registrations: int = Field(
        description="Accounts created in the period, including those deleted since.", examples=[340]
    )
    average_session_seconds: float | None = Field(examples=[285.4])
    scores: list[ScoreDistribution] = Field(description="One per scorer, those with the most scores first.")
    levels: list[LevelActivity]
    tags: list[TagActivity] = Field(description="The 50 tags with the most sessions.")
    hardest_phonemes: list[PhonemeActivity] = Field(
        description="The 10 with the lowest average of each scorer, among those with at least 30 scores."
    )


class Cohort(BaseModel):
    """Learners whose first session was in the same week."""

    week: dt.date = Field(description="Its Monday.", examples=["2026-03-02"])
    learners: int = Field(examples=[140])
    returned: list[int] = Field(
        description="Number of these learners with a session in the first week after it, in the second, and "
        "so on. Weeks that have not started are omitted.",
        examples=[[70, 52, 47]],
    )


class RetentionRead(BaseModel):
    """Retention by weekly cohorts."""

    from_: dt.date = Field(serialization_alias="from", examples=["2026-03-02"])
    to: dt.date = Field(examples=["2026-03-31"])
    cohorts: list[Cohort] = Field(description="The weeks that begin in the period, oldest first.")


SpeechOrder = Literal["hardest", "easiest", "most_played"]


class SpeechAnalyticsFilter(AdminPageQuery):
    level: Level | None = Field(default=None, description="Only speeches of this CEFR level.")
    min_plays: int = Field(
        default=1, ge=1, le=1_000_000, description="Only speeches with at least this many plays."
    )
    suggested: bool = Field(default=False, description="Only speeches for which another level is suggested.")
    sort: SpeechOrder = Field(default="hardest", description="By `measured_rate` or by plays.")


class SpeechAnalytics(BaseModel):
    """The response statistics of a speech since it was published. A skipped result is not a play."""

    id: UUID = Field(examples=[SPEECH_ID])
    text: str = Field(examples=["Good morning."])
    level: Level = Field(description="Declared level.")
    plays: int = Field(examples=[64])
    correct_rate: float | None = Field(description="Share of correct plays, 0-1.", examples=[0.4688])
    measured_rate: float = Field(
        description="The correct rate with ten prior plays, eight of them correct, to smooth small samples.",
        examples=[0.5135],
    )
    level_rate: float = Field(description="Correct rate of all sessions of its level.", examples=[0.7581])
    suggested_level: Level | None = Field(
        description=f"One level up or down if there are at least {MIN_SUGGESTION_PLAYS} plays and "
        f"`measured_rate` is more than {MAX_RATE_DIFFERENCE} below or above `level_rate`. Otherwise null.",
        examples=["A2"],
    )
    scores: list[ScorerAverage]


class SpeechAnalyticsPage(BaseModel):
    """One page of speeches that were played."""

    speeches: list[SpeechAnalytics]
    pagination: Pagination
