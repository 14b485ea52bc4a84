from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from shared.http.fields import RequestModel

from content.domain.speech_batches import BatchChange
from content.schemas.fields import TagIds
from content.types import SkipReason

MAX_BATCH_SIZE = 500
SPEECH_ID = "01941f2a-11d0-7c1b-8d5e-90d1a3f4b6c7"


class SpeechBatchUpdate(RequestModel):
    """A change to many speeches: tags to add and to remove, and whether to archive or restore them."""

    speech_ids: list[UUID] = Field(min_length=1, max_length=MAX_BATCH_SIZE, examples=[[SPEECH_ID]])
    add_tag_ids: TagIds = Field([])
    remove_tag_ids: TagIds = Field([], examples=[[]])
    archived: StrictBool | None = Field(
        None, description="True archives the speeches, false restores them.", examples=[None]
    )

    @model_validator(mode="after")
    def _ensure_change(self) -> Self:
        if not (self.add_tag_ids or self.remove_tag_ids or self.archived is not None):
            raise ValueError("must have add_tag_ids, remove_tag_ids or archived")
        if set(self.add_tag_ids) & set(self.remove_tag_ids):
            raise ValueError("must not add and remove the same tag")
        return self

    def to_change(self) -> BatchChange:
        return BatchChange(
            add_tag_ids=self.add_tag_ids, remove_tag_ids=self.remove_tag_ids, archived=self.archived
        )


class SkippedSpeechRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=["01941f2a-11d0-7c1b-8d5e-90d1a3f4b6c8"])
    code: SkipReason = Field(examples=["speech_not_found"])
    detail: str = Field(examples=["There is no such speech."])


class SpeechBatchUpdated(BaseModel):
    """The speeches that were changed, needed no change, or were skipped."""

    model_config = ConfigDict(from_attributes=True)

    changed: list[UUID] = Field(examples=[[SPEECH_ID]])
    unchanged: list[UUID] = Field(examples=[[]])
    skipped: list[SkippedSpeechRead]
