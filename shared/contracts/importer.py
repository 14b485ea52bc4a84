"""Events of the importer service, and the lines of a validated batch."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel

from contracts.event import Event
from contracts.vocabulary import Level, SpeechType


class ImportedRow(BaseModel):
    """A line of a batch, as JSON: a speech to create. Tags are names; missing ones are created."""

    text: str
    level: Level
    type: SpeechType
    tags: list[str]
    audio_key: str
    duration_ms: int


class ImportRef(BaseModel):
    """An import, by the editor who started it."""

    import_id: UUID
    owner_id: UUID


class ImportRequested(Event):
    """An editor has uploaded a table to import."""

    type: Literal["parley.importer.import_requested.v1"] = "parley.importer.import_requested.v1"
    source: Literal["/parley/importer"] = "/parley/importer"
    data: ImportRef


class ValidatedBatch(ImportRef):
    """All rows of an import are valid. The object `batch_key` holds one ImportedRow a line, in UTF-8.

    `batch_sha256` is the hexadecimal digest of the whole object.
    """

    batch_key: str
    batch_sha256: str
    rows: int


class ImportValidated(Event):
    """An import is ready to be applied."""

    consumers: ClassVar[tuple[str, ...]] = ("content",)

    type: Literal["parley.importer.import_validated.v1"] = "parley.importer.import_validated.v1"
    source: Literal["/parley/importer"] = "/parley/importer"
    data: ValidatedBatch


class CompletedImport(ImportRef):
    """An import whose speeches learners can draw."""

    speeches_total: int


class ImportCompleted(Event):
    """All rows of an import are in the catalogue."""

    type: Literal["parley.importer.import_completed.v1"] = "parley.importer.import_completed.v1"
    source: Literal["/parley/importer"] = "/parley/importer"
    data: CompletedImport


class FailedImport(ImportRef):
    """An import of which no row is in the catalogue."""

    code: str
    detail: str


class ImportFailed(Event):
    """An import ended without changing the catalogue: it failed, or rows have errors."""

    type: Literal["parley.importer.import_failed.v1"] = "parley.importer.import_failed.v1"
    source: Literal["/parley/importer"] = "/parley/importer"
    data: FailedImport


class ImportUndoRequested(Event):
    """An editor undoes a completed import."""

    consumers: ClassVar[tuple[str, ...]] = ("content",)

    type: Literal["parley.importer.import_undo_requested.v1"] = "parley.importer.import_undo_requested.v1"
    source: Literal["/parley/importer"] = "/parley/importer"
    data: ImportRef
