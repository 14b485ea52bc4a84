"""What clients send to the content service, and what it answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from shared.fields import Text

from content.schemas.fields import MAX_TAGS, OMITTED, PartialUpdate, _line
from content.types import Level, SpeechType

AUDIO_FOLDERS = ("seed/", "uploads/", "imports/")
"""Where recordings lie in the bucket: those of the seed, of editors, and of imports."""


class SpeechTagRead(BaseModel):
    """A tag as a speech carries it."""

    id: UUID
    name: str


class SpeechRead(BaseModel):
    """A recorded sentence. `audio_url` can be read by anyone, with Range, until `audio_expires_at`."""

    id: UUID
    text: str
    audio_url: str
    audio_expires_at: datetime
    duration_ms: int
    level: str
    type: str
    tags: list[SpeechTagRead]


class PlayStatisticsRead(BaseModel):
    """How a speech was played. The rates are null until there is something to make them of."""

    plays: int = Field(description="Results of sessions, without the skipped ones.")
    correct_rate: float | None = Field(description="The share of correct answers, 0-1.")
    average_score: float | None = Field(description="The mean of the verified pronunciation scores, 0-100.")


class SpeechDetails(SpeechRead):
    """A speech as editors see it."""

    audio_key: str
    revision: int
    created_at: datetime
    updated_at: datetime
    statistics: PlayStatisticsRead


class SpeechPagination(BaseModel):
    """Where a page is among the others. `next_cursor` is null on the last one."""

    page: int
    limit: int
    total: int = Field(description="How many speeches there are; if `total_is_exact` is false, at least.")
    total_pages: int
    total_is_exact: bool = Field(
        description="Speeches are counted up to 10,000, what a search finds as far as it is ranked."
    )
    next_cursor: str | None


class SpeechPage(BaseModel):
    """Speeches, the newest or the best match first."""

    speeches: list[SpeechDetails]
    pagination: SpeechPagination


class SpeechFilter(BaseModel):
    """Which speeches, and which page of them."""

    page: int = Field(default=1, ge=1, le=1_000_000, description="From 1 on; see `cursor` for the far ones.")
    limit: int = Field(default=20, ge=1, le=200, description="Speeches on a page.")
    level: Level | None = Field(default=None, description="Only speeches of this level (CEFR).")
    type: SpeechType | None = Field(default=None, description="Only questions, or only answers.")
    tag_id: UUID | None = Field(default=None, description="Only speeches that carry this tag.")
    search: Annotated[Text, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description='Words with any regular ending, "phrases", beginnings (pass*), -exclusions, `or`.',
    )
    cursor: str | None = Field(
        default=None,
        max_length=200,
        description="`next_cursor` of the page before, with the same filters. It replaces `page`.",
    )


def _key(value: str) -> str:
    if not value.startswith(AUDIO_FOLDERS):
        raise ValueError(f"must begin with {', '.join(AUDIO_FOLDERS[:-1])} or {AUDIO_FOLDERS[-1]}")
    if {"", ".", ".."}.intersection(value.split("/")):
        raise ValueError("must be the path of a file, without empty parts or dots in place of names")
    if len(value.encode()) > 1024:
        raise ValueError("must have at most 1024 bytes")
    return value


SpeechText = Annotated[Text, Field(min_length=1, max_length=5000)]
AudioKey = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=1024,
        description="Where the recording was uploaded to: a key in `seed/`, `uploads/` or `imports/`, of a "
        "file that has at most 10 MB and lasts at most five minutes.",
        examples=["uploads/01941f29-7c00-7074-b57d-2cece4b06ce6.mp3"],
    ),
    AfterValidator(_line),
    AfterValidator(_key),
]
TagIds = Annotated[list[UUID], Field(max_length=MAX_TAGS)]


class SpeechCreate(BaseModel):
    """A speech to add. Its recording has been uploaded; how long it lasts is measured."""

    text: SpeechText
    level: Level
    type: SpeechType
    audio_key: AudioKey
    tag_ids: TagIds = []


class SpeechUpdate(PartialUpdate):
    """What to change in a speech. `tag_ids` replaces all of its tags."""

    text: SpeechText = OMITTED
    level: Level = OMITTED
    type: SpeechType = OMITTED
    audio_key: AudioKey = OMITTED
    tag_ids: TagIds = OMITTED
