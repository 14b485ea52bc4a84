from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from shared.http.fields import RequestModel
from shared.http.pagination import AdminPageQuery, Pagination

from importer.types import JobState, RowProblemCode, Severity

STATE = (
    "`queued`, `validating`, `applying`, then `completed`, `rejected` (rows have errors) or `failed` (the "
    "table cannot be processed). `cancelled` before it was applied. After `completed`: `undoing`, "
    "`undone`."
)


FILE_FIELD = "file"


class ImportCreate(RequestModel):
    upload_session_id: UUID = Field(
        description="Your upload session with the recordings that the table names.",
        examples=["01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"],
    )
    dry_run: bool = Field(False, description="Only check the rows.", examples=[True])


def describe_import_form() -> dict[str, Any]:
    """Return the OpenAPI request body of the form, which FastAPI cannot see because the route streams it."""
    schema = ImportCreate.model_json_schema()
    file = {
        "type": "string",
        "format": "binary",
        "description": "A CSV file or a spreadsheet (.xlsx, its first sheet), at most 256 MiB.",
        "minLength": 1,
    }
    schema["properties"] = {FILE_FIELD: file, **schema["properties"]}
    schema["required"] = [FILE_FIELD, *schema["required"]]
    session_id = schema["properties"]["upload_session_id"]["examples"][0]
    schema["examples"] = [{FILE_FIELD: "(the bytes of the file)", "upload_session_id": session_id}]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


class ImportAccepted(BaseModel):
    job_id: UUID = Field(examples=["01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"])
    status_url: str = Field(
        description="Path of the import.",
        examples=["/api/v1/admin/import/jobs/01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"],
    )


class ImportFailure(BaseModel):
    """Why the table cannot be processed."""

    code: str = Field(examples=["missing_columns"])
    detail: str = Field(examples=["The table has no column level."])
    row: int | None = Field(description="Counted as in a spreadsheet: the header is row 1.", examples=[1])


class ImportSummary(BaseModel):
    """An import, without its row errors."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=["01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"])
    state: JobState = Field(description=STATE, examples=["completed"])
    version: int = Field(description="Increases with every change.", examples=[7])
    dry_run: bool = Field(description="The rows are only checked.", examples=[False])
    owner_id: UUID = Field(
        description="The editor who started it.", examples=["01976f4d-1c2d-7e3f-8a4b-5c6d7e8f9a0b"]
    )
    upload_session_id: UUID = Field(examples=["01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"])
    filename: str = Field(examples=["lesson-4.csv"])
    encoding: str | None = Field(description="As recognised. Null until then.", examples=["utf-8"])
    delimiter: str | None = Field(description="As recognised. Null for a spreadsheet.", examples=[";"])
    rows_total: int | None = Field(description="Null until the rows are counted.", examples=[240])
    rows_checked: int = Field(examples=[240])
    success_count: int = Field(description="Rows without errors.", examples=[238])
    error_count: int = Field(description="Errors of all rows.", examples=[2])
    warning_count: int = Field(description="A row with a warning is imported.", examples=[1])
    failure: ImportFailure | None = Field(description="Only if `state` is `failed`.")
    deleted_count: int | None = Field(
        description="Speeches that were deleted when the import was undone.", examples=[None]
    )
    archived_count: int | None = Field(
        description="Speeches that were archived when it was undone, because learners had played them.",
        examples=[None],
    )
    created_at: datetime = Field(examples=["2026-05-01T12:00:00Z"])
    updated_at: datetime = Field(examples=["2026-05-01T12:00:09Z"])
    finished_at: datetime | None = Field(examples=["2026-05-01T12:00:09Z"])


class RowProblem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    row: int = Field(description="Counted as in a spreadsheet: the header is row 1.", examples=[17])
    column: str = Field(examples=["level"])
    code: RowProblemCode = Field(examples=["unknown_level"])
    severity: Severity = Field(examples=["error"])
    error: str = Field(examples=["The level must be A1, A2, B1, B2, C1 or C2."])
    value: str = Field(description="The beginning of the cell.", examples=["D3"])
    cells: dict[str, str] = Field(
        description="The beginning of each cell of the row, by column. Empty in older imports.",
        examples=[
            {"audio_filename": "17.mp3", "text": "Hello.", "level": "D3", "type": "", "tags": "greetings"}
        ],
    )


class ImportRead(ImportSummary):
    errors: list[RowProblem] = Field(
        description="The first 100 row errors, in row order; `errors.csv` has all of them."
    )


class ImportPage(BaseModel):
    jobs: list[ImportSummary]
    pagination: Pagination


class ImportFilter(AdminPageQuery):
    state: JobState | None = Field(None, description="Only imports in this state.")
    owner_id: UUID | None = Field(
        None,
        description="Only imports of this editor.",
        examples=["01976f4d-1c2d-7e3f-8a4b-5c6d7e8f9a0b"],
    )


class ImportStateRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(examples=["01976f50-2a6b-7d11-9c3e-5f6a7b8c9d0e"])
    state: JobState = Field(description=STATE, examples=["cancelled"])
