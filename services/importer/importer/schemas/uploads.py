from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from shared.http.pagination import AdminPageQuery, Pagination

from importer.types import AudioFormat, FileProblemCode

FILE_FIELDS = ("files[]", "files")
SESSION_FIELD = "upload_session_id"
SESSION_ID = "01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"
OWNER_ID = "01976f4d-1c2d-7e3f-8a4b-5c6d7e8f9a0b"


class UploadedRecording(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=["01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"])
    original_filename: str = Field(examples=["Lesson 4.mp3"])
    stored_filename: str = Field(
        description="The name in the upload session, and in the table of an import.",
        examples=["Lesson 4_1.mp3"],
    )
    size_bytes: int = Field(examples=[48_213])
    duration_ms: int = Field(description="As decoded.", examples=[2_940])
    format: AudioFormat = Field(description="Detected from the content, not the name.", examples=["mp3"])
    audio_key: str = Field(
        validation_alias=AliasChoices("audio_key", "object_key"),
        description="For `POST /api/v1/admin/speeches`, if no table is imported.",
        examples=["speeches/01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e.mp3"],
    )


class UploadedFileRead(UploadedRecording):
    created_at: datetime = Field(examples=["2026-05-01T12:00:00Z"])
    claimed_at: datetime | None = Field(
        description="When it was assigned to an import or a speech. Null while unassigned.", examples=[None]
    )
    import_id: UUID | None = Field(description="The import to which it belongs.", examples=[None])


class NewlyUploadedFile(UploadedRecording):
    already_there: bool = Field(
        description="The session had the same file under the same name; nothing was stored.", examples=[False]
    )


def to_newly_uploaded(file: Any, already_there: bool) -> NewlyUploadedFile:
    fields = UploadedRecording.model_validate(file).model_dump()
    return NewlyUploadedFile(**fields, already_there=already_there)


class RejectedFileRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    original_filename: str = Field(examples=["silence.wav"])
    code: FileProblemCode = Field(examples=["silent_audio"])
    detail: str = Field(examples=["The recording is silent."])


class UploadRead(BaseModel):
    """The outcome for each file of a request."""

    upload_session_id: UUID | None = Field(
        description="Send it with the next upload, and with the table. Null if there is none, because all "
        "files were rejected.",
        examples=[SESSION_ID],
    )
    expires_at: datetime | None = Field(
        description="When the session and its unassigned files are deleted.",
        examples=["2026-05-08T12:00:00Z"],
    )
    uploaded_files: list[NewlyUploadedFile]
    rejected: list[RejectedFileRead]


class UploadSessionSummary(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=[SESSION_ID])
    owner_id: UUID = Field(
        description="The editor who started it. Only this editor may use it.", examples=[OWNER_ID]
    )
    created_at: datetime = Field(examples=["2026-05-01T12:00:00Z"])
    expires_at: datetime = Field(examples=["2026-05-08T12:00:00Z"])
    file_count: int = Field(description="Counted up to 10,000.", examples=[240])


class UploadSessionRead(UploadSessionSummary):
    files: list[UploadedFileRead] = Field(description="A page of its files, newest first.")
    pagination: Pagination


class UploadSessionPage(BaseModel):
    upload_sessions: list[UploadSessionSummary]
    pagination: Pagination


class UploadSessionFilter(AdminPageQuery):
    owner_id: UUID | None = Field(None, description="Only those of this editor.", examples=[OWNER_ID])


class UploadedFilePageQuery(AdminPageQuery):
    pass


def describe_upload_form() -> dict[str, Any]:
    """Return the OpenAPI request body of the form, which FastAPI cannot see because the route streams it."""
    schema = {
        "type": "object",
        "properties": {
            SESSION_FIELD: {
                "type": "string",
                "format": "uuid",
                "description": "Your upload session. It must come before the files; without it, the first "
                "recording opens one.",
            },
            "files[]": {
                "type": "array",
                "items": {"type": "string", "format": "binary"},
                "minItems": 1,
                "description": "MP3, WAV or M4A of at most 10 MiB each, or ZIP archives of them; 1,000 files "
                "in all. `files` is accepted as well.",
            },
        },
        "required": ["files[]"],
        "additionalProperties": False,
        "examples": [{SESSION_FIELD: SESSION_ID, "files[]": ["(the bytes of a file)"]}],
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
