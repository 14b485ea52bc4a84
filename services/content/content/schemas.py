"""What clients send to the content service, and what it answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from content.domain import Filter, Level, Match, SpeechType

MOST_TAGS = 50
MOST_EXCLUDED = 200


class Tag(BaseModel):
    """A word that speeches are found by, and the kind of word it is."""

    id: UUID
    name: str
    category: str


class Tags(BaseModel):
    """All tags, by category and name."""

    tags: list[Tag]


class SpeechTag(BaseModel):
    """A tag as a speech carries it."""

    id: UUID
    name: str


class Speech(BaseModel):
    """A recorded sentence. `audio_url` can be read by anyone, with Range, until `audio_expires_at`."""

    id: UUID
    text: str
    audio_url: str
    audio_expires_at: datetime
    duration_ms: int
    level: str
    type: str
    tags: list[SpeechTag]


class Speeches(BaseModel):
    """The speeches of a draw, in random order."""

    speeches: list[Speech]


class Statistics(BaseModel):
    """How a speech was played. The rates are null until there is something to make them of."""

    plays: int = Field(description="Results of sessions, without the skipped ones.")
    correct_rate: float | None = Field(description="The share of correct answers, 0-1.")
    average_score: float | None = Field(description="The mean of the verified pronunciation scores, 0-100.")


class SpeechDetails(Speech):
    """A speech as editors see it."""

    revision: int
    created_at: datetime
    updated_at: datetime
    statistics: Statistics


class Draw(BaseModel):
    """Which speeches to draw from, and how many."""

    level: Level
    type: SpeechType | None = Field(None, description="Leave it out for both.")
    tags: Annotated[list[UUID], Field(max_length=MOST_TAGS)] = []
    match: Match = Field("any", description="Whether a speech must carry `any` of the tags or `all` of them.")
    limit: int = Field(10, ge=1, le=50)
    exclude: Annotated[
        list[UUID],
        Field(max_length=MOST_EXCLUDED, description="Speeches not to draw, such as those just heard."),
    ] = []

    def filter(self) -> Filter:
        """What the draw is from, before anything is excluded."""
        return Filter(level=self.level, type=self.type, tags=frozenset(self.tags), match=self.match)
