from typing import Annotated
from uuid import UUID

from contracts.vocabulary import MAX_TAG_NAME_LENGTH
from pydantic import AfterValidator, BaseModel, Field
from shared.http.fields import DisplayText, RequestModel

from content.schemas.fields import OMITTED, ONE_LINE_PATTERN, PartialUpdate, validate_single_line

_Name = Annotated[
    str,
    DisplayText(min_length=1, max_length=MAX_TAG_NAME_LENGTH),
    Field(json_schema_extra={"pattern": ONE_LINE_PATTERN}),
    AfterValidator(validate_single_line),
]
TagName = Annotated[_Name, Field(examples=["travel"])]
TagCategory = Annotated[_Name, Field(examples=["topic"])]


class TagCreate(RequestModel):
    name: TagName
    category: TagCategory


class TagUpdate(PartialUpdate):
    name: TagName = OMITTED
    category: TagCategory = OMITTED


class TagMerge(RequestModel):
    into_tag_id: UUID = Field(
        description="The tag to assign to the speeches.", examples=["01941f29-7c00-7a3e-9a53-6a1c1f0b2d11"]
    )


class TagRead(BaseModel):
    id: UUID = Field(examples=["01941f29-7c00-7a3e-9a53-6a1c1f0b2d10"])
    name: str = Field(examples=["travel"])
    category: str = Field(examples=["topic"])


class TagList(BaseModel):
    tags: list[TagRead]


class TagDetails(TagRead):
    speech_count: int = Field(
        description="Number of speeches with the tag, including archived ones.", examples=[42]
    )


class TagDetailsList(BaseModel):
    tags: list[TagDetails]
