"""Draws."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from content.domain.draws import DrawFilter
from content.schemas.fields import MAX_TAGS
from content.schemas.speeches import SpeechRead
from content.types import Level, Match, SpeechType

MAX_EXCLUDED = 200


class DrawnSpeeches(BaseModel):
    """The speeches of a draw, in random order."""

    speeches: list[SpeechRead]


class DrawRequest(BaseModel):
    """Which speeches to draw from, and how many."""

    level: Level
    type: SpeechType | None = Field(None, description="Leave it out for both.")
    tags: Annotated[list[UUID], Field(max_length=MAX_TAGS)] = []
    match: Match = Field("any", description="Whether a speech must carry `any` of the tags or `all` of them.")
    limit: int = Field(10, ge=1, le=50)
    exclude: Annotated[
        list[UUID],
        Field(max_length=MAX_EXCLUDED, description="Speeches not to draw, such as those just heard."),
    ] = []

    def filter(self) -> DrawFilter:
        """What the draw is from, before anything is excluded."""
        return DrawFilter(level=self.level, type=self.type, tags=frozenset(self.tags), match=self.match)
