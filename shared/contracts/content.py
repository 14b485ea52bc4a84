"""Events of the content service."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel

from contracts.event import Event


class TagRef(BaseModel):
    """A tag as a speech carries it."""

    id: UUID
    name: str


class SpeechSnapshot(BaseModel):
    """A speech as it stands after the change.

    `revision` starts at 1 and grows with every change of the speech, so that a consumer can tell an older
    snapshot that arrives late. `duration_ms` is the length of the recording under `audio_key`.
    """

    speech_id: UUID
    revision: int
    text: str
    level: str
    type: str
    tags: list[TagRef]
    audio_key: str
    duration_ms: int


class SpeechRef(BaseModel):
    """A speech that is no more, with the revision that its deletion was."""

    speech_id: UUID
    revision: int


class SpeechCreated(Event):
    """A speech was added to the catalogue."""

    consumers: ClassVar[tuple[str, ...]] = ("game",)

    type: Literal["parley.content.speech_created.v1"] = "parley.content.speech_created.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechSnapshot


class SpeechUpdated(Event):
    """A speech was changed."""

    consumers: ClassVar[tuple[str, ...]] = ("content", "game")

    type: Literal["parley.content.speech_updated.v1"] = "parley.content.speech_updated.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechSnapshot


class SpeechDeleted(Event):
    """A speech was taken out of the catalogue; past sessions keep it."""

    consumers: ClassVar[tuple[str, ...]] = ("content", "game")

    type: Literal["parley.content.speech_deleted.v1"] = "parley.content.speech_deleted.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechRef


class TagKey(BaseModel):
    """A tag by id alone: what it is now, or that it is gone, is to be read where it is kept."""

    tag_id: UUID


class TagRename(BaseModel):
    """A tag with a new name, of which the speeches with ids up to `after` have been told of already.

    Speeches that were changed after `locked_at` had the new name then.
    """

    tag_id: UUID
    after: UUID | None = None
    locked_at: datetime | None = None


class TagChanged(Event):
    """A tag was added, changed or deleted; whoever keeps the list of tags reads it again."""

    consumers: ClassVar[tuple[str, ...]] = ("content",)

    type: Literal["parley.content.tag_changed.v1"] = "parley.content.tag_changed.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: TagKey


class TagRenamed(Event):
    """A tag has a new name: a SpeechUpdated follows for every speech that carries it, some at a time."""

    consumers: ClassVar[tuple[str, ...]] = ("content",)

    type: Literal["parley.content.tag_renamed.v1"] = "parley.content.tag_renamed.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: TagRename
