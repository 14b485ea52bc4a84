"""Fields."""

from typing import Any

from pydantic import BaseModel, Field, field_validator

MAX_TAGS = 50


OMITTED: Any = Field(default_factory=lambda: None)
"""For a field that may be left out, but not be null."""


class PartialUpdate(BaseModel):
    """A partial change: what is left out stays as it is, and nothing can be null."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_something(cls, value: object) -> object:
        if value is None:
            raise ValueError("must not be null; leave it out to keep what is there")
        return value


def _line(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise ValueError("must be one line")
    return value
