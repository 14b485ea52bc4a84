from typing import Annotated, Any
from uuid import UUID

from contracts.vocabulary import MAX_TAGS_PER_SPEECH, Level, SpeechType
from pydantic import Field, field_validator
from shared.http.fields import RequestModel, build_text_pattern

ONE_LINE_PATTERN = build_text_pattern(required=True, forbidden=r"\t\n")

TagIds = Annotated[
    list[UUID], Field(max_length=MAX_TAGS_PER_SPEECH, examples=[["01941f29-7c00-7a3e-9a53-6a1c1f0b2d10"]])
]

LEVEL = "Level of the Common European Framework (CEFR)."
TYPE = "`question` or `answer`."
SpeechLevelField = Annotated[Level, Field(description=LEVEL, examples=["A2"])]
SpeechTypeField = Annotated[SpeechType, Field(description=TYPE, examples=["question"])]

OMITTED: Any = Field(default_factory=lambda: None)
"""The default of a field that may be omitted, but must not be null."""


class PartialUpdate(RequestModel):
    """New values. An omitted field keeps its value; null is refused."""

    @field_validator("*", mode="before")
    @classmethod
    def _ensure_not_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("must not be null; omit the field to keep its value")
        return value


def validate_single_line(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise ValueError("must be one line")
    return value
