from datetime import datetime
from typing import Annotated
from uuid import UUID

from contracts.vocabulary import MAX_SPEECH_TEXT_LENGTH, Level, SpeechType
from pydantic import AfterValidator, BaseModel, Field, StrictBool
from shared.http.fields import CONTROLS, DisplayText, RequestModel
from shared.http.pagination import CURSOR_PATTERN, PageQuery, Pagination

from content.schemas.fields import (
    LEVEL,
    OMITTED,
    TYPE,
    PartialUpdate,
    SpeechLevelField,
    SpeechTypeField,
    TagIds,
    validate_single_line,
)
from content.types import Archived, Sort

AUDIO_FOLDERS = ("seed/", "uploads/", "imports/", "speeches/")
"""The bucket folders that may contain recordings."""
MAX_KEY_BYTES = 1024
KEY_PATTERN = rf"^(seed|uploads|imports|speeches)(/[^/{CONTROLS}\t\n]+)+$"


def _validate_key(value: str) -> str:
    if not value.startswith(AUDIO_FOLDERS):
        raise ValueError(f"must begin with {', '.join(AUDIO_FOLDERS[:-1])} or {AUDIO_FOLDERS[-1]}")
    if {"", ".", ".."}.intersection(value.split("/")):
        raise ValueError("must be the path of a file, without empty parts, `.` or `..`")
    if len(value.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"must have at most {MAX_KEY_BYTES} bytes")
    return value


SpeechText = Annotated[
    str,
    DisplayText(min_length=1, max_length=MAX_SPEECH_TEXT_LENGTH),
    Field(examples=["Where is the station?"]),
]
AudioKey = Annotated[
    str,
    DisplayText(min_length=1, max_length=MAX_KEY_BYTES),
    Field(
        description="Key of the uploaded recording, in `seed/`, `uploads/`, `imports/` or `speeches/`. The "
        "recording has at most 10 MiB and five minutes.",
        json_schema_extra={"pattern": KEY_PATTERN},
        examples=["uploads/01941f29-7c00-7074-b57d-2cece4b06ce6.mp3"],
    ),
    AfterValidator(validate_single_line),
    AfterValidator(_validate_key),
]
ArchivedField = Annotated[
    StrictBool,
    Field(description="True archives the speech, false restores it.", examples=[True]),
]


class SpeechCreate(RequestModel):
    text: SpeechText
    level: SpeechLevelField
    type: SpeechTypeField
    audio_key: AudioKey
    tag_ids: TagIds = Field([])


class SpeechUpdate(PartialUpdate):
    """New values of a speech. `tag_ids` replaces all tags."""

    text: SpeechText = OMITTED
    level: SpeechLevelField = OMITTED
    type: SpeechTypeField = OMITTED
    audio_key: AudioKey = OMITTED
    tag_ids: TagIds = OMITTED
    archived: ArchivedField = OMITTED


class SpeechTagRead(BaseModel):
    id: UUID = Field(examples=["01941f29-7c00-7a3e-9a53-6a1c1f0b2d10"])
    name: str = Field(examples=["travel"])


class SpeechRead(BaseModel):
    id: UUID = Field(examples=["01941f2a-11d0-7c1b-8d5e-90d1a3f4b6c7"])
    text: str = Field(examples=["Where is the station?"])
    audio_url: str = Field(
        description="Presigned URL of the recording. Anyone can read it, also with Range.",
        examples=["https://audio.example.com/parley-audio/seed/station.mp3?X-Amz-Signature=5d8c"],
    )
    audio_expires_at: datetime = Field(examples=["2026-03-01T12:30:00Z"])
    duration_ms: int = Field(examples=[1840])
    level: str = Field(description=LEVEL, examples=["A2"])
    type: str = Field(description=TYPE, examples=["question"])
    tags: list[SpeechTagRead]


class PlayStatisticsRead(BaseModel):
    """A speech's play statistics. Both rates are null without results to average."""

    plays: int = Field(description="Results in sessions, excluding skipped ones.", examples=[128])
    correct_rate: float | None = Field(description="Share of correct answers, 0-1.", examples=[0.75])
    average_score: float | None = Field(
        description="Mean of the verified pronunciation scores, 0-100.", examples=[81.5]
    )


class SpeechDetails(SpeechRead):
    audio_key: str = Field(examples=["seed/station.mp3"])
    revision: int = Field(description="Starts at 1 and increases with every change.", examples=[3])
    created_at: datetime = Field(examples=["2026-01-01T09:00:00Z"])
    updated_at: datetime = Field(examples=["2026-02-14T16:20:00Z"])
    archived: bool = Field(description="Archived speeches are not drawn.", examples=[False])
    archived_at: datetime | None = Field(examples=[None])
    audio_missing_since: datetime | None = Field(
        description="When the recording was first found to be missing from the object storage.",
        examples=[None],
    )
    statistics: PlayStatisticsRead


class SpeechPage(BaseModel):
    speeches: list[SpeechDetails]
    pagination: Pagination


class SpeechFilter(PageQuery):
    limit: int = Field(20, ge=1, le=200, description="Speeches on a page.")
    level: Level | None = Field(None, description="Only speeches of this CEFR level.")
    type: SpeechType | None = Field(None, description="Only questions, or only answers.")
    tag_id: UUID | None = Field(None, description="Only speeches with this tag.")
    archived: Archived = Field(
        "false", description="`false`: active speeches; `true`: archived speeches; `all`: both."
    )
    search: Annotated[str, DisplayText(min_length=1, max_length=200)] | None = Field(
        None,
        description='Words in any form, "phrases as written", prefixes (pass*), -exclusions, `or`.',
        examples=["next train"],
    )
    import_id: UUID | None = Field(None, description="Only speeches that this import created.")
    audio_missing: bool = Field(
        False, description="`true`: only speeches whose recording is missing from the object storage."
    )
    sort: Sort = Field(
        "newest",
        description="`newest` first; by `text` or backwards by `-text`; by plays, `most_played` or "
        "`least_played` first; by the rate of correct answers, `hardest` or `easiest` first. The last four "
        "leave out speeches that were never played. A search has its own order.",
    )
    # The cursor of a list sorted by text contains the beginning of a text.
    cursor: Annotated[str, Field(max_length=300, json_schema_extra={"pattern": CURSOR_PATTERN})] | None = (
        Field(None, description="`next_cursor` of the previous page, with the same filters. Replaces `page`.")
    )
