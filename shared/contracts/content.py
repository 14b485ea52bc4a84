"""Events of the content service."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from contracts.event import Event


class TagRef(BaseModel):
    """A tag of a speech."""

    id: UUID
    name: str


class SpeechSnapshot(BaseModel):
    """A speech after the change.

    `revision` starts at 1 and grows with every change, so that a consumer recognises an older snapshot that
    arrives late. `duration_ms` is the length of the recording under `audio_key`. An archived speech is not
    drawn, but it can still be played.
    """

    speech_id: UUID
    revision: int
    text: str
    level: str
    type: str
    tags: list[TagRef]
    audio_key: str
    duration_ms: int
    archived_at: AwareDatetime | None = None


class SpeechRef(BaseModel):
    """A deleted speech. `revision` is that of the deletion."""

    speech_id: UUID
    revision: int


class SpeechCreated(Event):
    """A speech was added to the catalogue."""

    consumers: ClassVar[tuple[str, ...]] = ("game", "importer")

    type: Literal["parley.content.speech_created.v1"] = "parley.content.speech_created.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechSnapshot


class SpeechUpdated(Event):
    """A speech was changed."""

    consumers: ClassVar[tuple[str, ...]] = ("game", "importer")

    type: Literal["parley.content.speech_updated.v1"] = "parley.content.speech_updated.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechSnapshot


class SpeechDeleted(Event):
    """A speech was removed from the catalogue. Past sessions keep it."""

    consumers: ClassVar[tuple[str, ...]] = ("game", "importer")

    type: Literal["parley.content.speech_deleted.v1"] = "parley.content.speech_deleted.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: SpeechRef


class ImportedSpeeches(BaseModel):
    """At most 500 new speeches of an import; `speeches_total` counts those of all its events."""

    import_id: UUID
    speeches_total: int
    speeches: list[SpeechSnapshot]


class SpeechImported(Event):
    """An import added speeches to the catalogue. There is no SpeechCreated for them."""

    consumers: ClassVar[tuple[str, ...]] = ("game", "importer")
    max_concurrent: ClassVar[int | None] = 1

    type: Literal["parley.content.speech_imported.v1"] = "parley.content.speech_imported.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: ImportedSpeeches


class AppliedImport(BaseModel):
    """An import whose rows are all in the catalogue."""

    import_id: UUID
    speeches_total: int


class ImportApplied(Event):
    """All rows of an import were added to the catalogue."""

    consumers: ClassVar[tuple[str, ...]] = ("importer",)

    type: Literal["parley.content.import_applied.v1"] = "parley.content.import_applied.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: AppliedImport


class RefusedImport(BaseModel):
    """An import of which no row is in the catalogue. `detail` says in a sentence what to change."""

    import_id: UUID
    code: str
    detail: str


class ImportRejected(Event):
    """An import could not be applied; the catalogue is as it was before."""

    consumers: ClassVar[tuple[str, ...]] = ("importer",)

    type: Literal["parley.content.import_rejected.v1"] = "parley.content.import_rejected.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: RefusedImport


class UndoneImport(BaseModel):
    """How many speeches of an import were deleted, and how many were archived because they were played."""

    import_id: UUID
    deleted: int
    archived: int


class ImportUndone(Event):
    """An import's speeches were removed from the catalogue."""

    consumers: ClassVar[tuple[str, ...]] = ("importer",)

    type: Literal["parley.content.import_undone.v1"] = "parley.content.import_undone.v1"
    source: Literal["/parley/content"] = "/parley/content"
    data: UndoneImport
