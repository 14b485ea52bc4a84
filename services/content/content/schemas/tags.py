"""Tags."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from shared.fields import Text

from content.schemas.fields import OMITTED, PartialUpdate, _line


class TagRead(BaseModel):
    """A word that speeches are found by, and the kind of word it is."""

    id: UUID
    name: str
    category: str


class TagList(BaseModel):
    """All tags, by category and name."""

    tags: list[TagRead]


TagName = Annotated[Text, Field(min_length=1, max_length=100), AfterValidator(_line)]


class TagDetails(TagRead):
    """A tag as editors see it."""

    speech_count: int


class TagDetailsList(BaseModel):
    """All tags, by category and name."""

    tags: list[TagDetails]


class TagCreate(BaseModel):
    """A tag to add."""

    name: TagName
    category: TagName


class TagUpdate(PartialUpdate):
    """What to change in a tag."""

    name: TagName = OMITTED
    category: TagName = OMITTED
