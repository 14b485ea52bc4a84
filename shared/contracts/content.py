"""Events of the content service."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel

from contracts.event import Event


class TagRef(BaseModel):
    """A tag of a speech."""

    id: UUID
    name: str


class SpeechSnapshot(BaseModel):
    """A speech after the change.

    `revision` starts at 1 and grows with every change, so that a consumer recognises an older snapshot that
    arrives late. `duration_ms` is the length of the recording under `audio_key`.
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
    """A deleted speech. `revision` is that of the deletion."""

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

    consumers: ClassVar[tuple[str, ...]] = ("game",)

    type: Literal["parley.content.speech_updated.v1"] = "parley.content.speech_updated.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechSnapshot


class SpeechDeleted(Event):
    """A speech was removed from the catalogue. Past sessions keep it."""

    consumers: ClassVar[tuple[str, ...]] = ("game",)

    type: Literal["parley.content.speech_deleted.v1"] = "parley.content.speech_deleted.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechRef
