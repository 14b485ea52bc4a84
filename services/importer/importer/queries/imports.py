from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.data.db import Database
from shared.http.pages import fetch_page
from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from importer.errors import ImportNotFound, ReportNotFound, ReportNotReady
from importer.models import ImportJob, RowError
from importer.schemas.imports import (
    ImportFailure,
    ImportFilter,
    ImportPage,
    ImportRead,
    ImportSummary,
    RowProblem,
)
from importer.types import UNFINISHED

MAX_LISTED_PROBLEMS = 100
NO_REPORT = "The import has no report: its rows were not all checked, or it is older than 30 days."


class Report(NamedTuple):
    key: str
    source_filename: str


_RENAMED = {"filename": "source_filename", "upload_session_id": "session_id"}
_FAILURE_COLUMNS = (ImportJob.failure_code, ImportJob.failure_detail, ImportJob.failure_row)
_COLUMNS = [
    *(
        getattr(ImportJob, _RENAMED.get(field, field)).label(field)
        for field in ImportSummary.model_fields
        if field != "failure"
    ),
    *_FAILURE_COLUMNS,
]
_PROBLEM_COLUMNS = (
    RowError.row,
    RowError.column,
    RowError.code,
    RowError.severity,
    RowError.message.label("error"),
    RowError.value,
    RowError.cells,
)

# Progress is read often: without a transaction, a query takes half the time.
_SUMMARIES_BY_ID = f"{select(*_COLUMNS)} WHERE id = ANY($1)"


async def get_import(session: AsyncSession, job_id: UUID) -> ImportRead:
    """Return an import with its first row errors. Raises ImportNotFound."""
    rows = await session.execute(select(*_COLUMNS).where(ImportJob.id == job_id))
    row = rows.one_or_none()
    if row is None:
        raise ImportNotFound(f"There is no import {job_id}.")
    problems = select(*_PROBLEM_COLUMNS).where(RowError.job_id == job_id)
    first = await session.execute(problems.order_by(RowError.id).limit(MAX_LISTED_PROBLEMS))
    errors = [RowProblem.model_validate(problem) for problem in first]
    return ImportRead(**dict(to_summary(row._mapping)), errors=errors)


async def has_earlier_import(session: AsyncSession, job: ImportJob) -> bool:
    """Return whether an earlier import of the same owner is unfinished."""
    order_key = tuple_(ImportJob.created_at, ImportJob.id)
    earlier = select(ImportJob.id).where(
        ImportJob.owner_id == job.owner_id,
        ImportJob.state.in_(UNFINISHED),
        order_key < tuple_(literal(job.created_at), literal(job.id)),
    )
    return await session.scalar(earlier.limit(1)) is not None


async def get_import_summary(database: Database, job_id: UUID) -> ImportSummary:
    """Return an import without its row errors. Raises ImportNotFound."""
    summaries = await find_import_summaries(database, [job_id])
    if not summaries:
        raise ImportNotFound(f"There is no import {job_id}.")
    return summaries[0]


async def find_import_summaries(database: Database, ids: Sequence[UUID]) -> list[ImportSummary]:
    return [to_summary(dict(row)) for row in await database.fetch(_SUMMARIES_BY_ID, list(ids))]


async def get_report(session: AsyncSession, job_id: UUID) -> Report:
    """Raise ImportNotFound, ReportNotReady or ReportNotFound."""
    job = await session.get(ImportJob, job_id)
    if job is None:
        raise ImportNotFound(f"There is no import {job_id}.")
    if job.state in ("queued", "validating"):
        raise ReportNotReady("The rows are still being checked. Try again when the import has ended.")
    if job.report_key is None:
        raise ReportNotFound(NO_REPORT)
    return Report(key=job.report_key, source_filename=job.source_filename)


async def list_imports(session: AsyncSession, filters: ImportFilter) -> ImportPage:
    """List imports of all editors, newest first."""
    statement = select(*_COLUMNS)
    if filters.state:
        statement = statement.where(ImportJob.state == filters.state)
    if filters.owner_id:
        statement = statement.where(ImportJob.owner_id == filters.owner_id)
    scope = filters.build_scope("imports")
    rows, pagination = await fetch_page(session, statement, ImportJob.id, filters, scope=scope)
    return ImportPage(jobs=[to_summary(row._mapping) for row in rows], pagination=pagination)


def to_summary(row: Mapping[Any, Any]) -> ImportSummary:
    fields = dict(row)
    code, detail, number = (fields.pop(column.key) for column in _FAILURE_COLUMNS)
    failure = ImportFailure(code=code, detail=detail or "", row=number) if code else None
    return ImportSummary(**fields, failure=failure)
