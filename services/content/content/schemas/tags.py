"""Tags."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from shared.fields import Text

from content.schemas.fields import LEFT_OUT, Given, _line


class Tag(BaseModel):
    """A word that speeches are found by, and the kind of word it is."""

    id: UUID
    name: str
    category: str


class Tags(BaseModel):
    """All tags, by category and name."""

    tags: list[Tag]


TagName = Annotated[Text, Field(min_length=1, max_length=100), AfterValidator(_line)]


class TagDetails(Tag):
    """A tag as editors see it."""

    speech_count: int


class TagList(BaseModel):
    """All tags, by category and name."""

    tags: list[TagDetails]


class NewTagFields(BaseModel):
    """A tag to add."""

    name: TagName
    category: TagName


class TagFields(Given):
    """What to change in a tag."""

    name: TagName = LEFT_OUT
    category: TagName = LEFT_OUT
