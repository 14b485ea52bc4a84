from typing import Annotated
from uuid import UUID

from contracts.vocabulary import SpeechType
from pydantic import BaseModel, Field, StrictBool
from shared.http.fields import Integer, RequestModel

from content.domain.draws import DrawFilter
from content.schemas.fields import SpeechLevelField, TagIds
from content.schemas.speeches import SpeechRead
from content.types import Match

MAX_EXCLUDED = 200
MAX_DRAWN = 50


class DrawRequest(RequestModel):
    """Which speeches to draw from, and how many."""

    level: SpeechLevelField
    type: SpeechType | None = Field(None, description="Omit it to draw both types.", examples=["question"])
    tags: TagIds = Field([])
    match: Match = Field(
        "any", description="Whether a speech must have `any` or `all` of the tags.", examples=["any"]
    )
    limit: Integer = Field(10, ge=1, le=MAX_DRAWN, description="Number of speeches to draw.", examples=[10])
    exclude: Annotated[list[UUID], Field(max_length=MAX_EXCLUDED)] = Field(
        [],
        description="Speeches to exclude, such as those of the last session.",
        examples=[["01941f2a-11d0-7c1b-8d5e-90d1a3f4b6c7"]],
    )
    fresh: StrictBool = Field(
        False,
        description="Whether the speeches that you played lately come last: the latest 120 of the last 30 "
        "days.",
    )

    def to_filter(self) -> DrawFilter:
        return DrawFilter(level=self.level, type=self.type, tags=frozenset(self.tags), match=self.match)


class DrawnSpeeches(BaseModel):
    speeches: list[SpeechRead]
