"""Changes of imports. Every change of a state goes through `transition`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from contracts.content import AppliedImport, RefusedImport, UndoneImport
from contracts.importer import (
    CompletedImport,
    FailedImport,
    ImportCompleted,
    ImportFailed,
    ImportRef,
    ImportUndoRequested,
)
from shared.clock import utc_now
from shared.messaging.outbox import enqueue, record
from shared.security.current_user import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import audit_log
from importer.commands.claims import ReleaseClaims
from importer.domain.imports import FINISHED, WITHOUT_SPEECHES, next_state
from importer.errors import ImportNotCancellable, ImportNotFound, ImportNotUndoable, NotYourImport
from importer.models import ImportJob
from importer.types import AuditAction, ImportAction, JobState

log = structlog.get_logger(__name__)

MAX_FAILURE_CODE_LENGTH = 40

AUDITED: Mapping[ImportAction, AuditAction] = {
    "complete": "import_completed",
    "reject": "import_rejected",
    "fail": "import_failed",
    "cancel": "import_cancelled",
    "undo": "import_undo_requested",
    "finish_undo": "import_undone",
}


async def lock_import(session: AsyncSession, job_id: UUID) -> ImportJob:
    """Return the import, which no other transaction changes until this one ends. Raises ImportNotFound."""
    job = await session.get(ImportJob, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise ImportNotFound(f"There is no import {job_id}.")
    return job


async def transition(
    session: AsyncSession, job_id: UUID, action: ImportAction, *, actor: UUID | None = None, **values: Any
) -> ImportJob | None:
    """Change the state and the given columns, with all that follows from it. Raises ImportNotFound.

    Returns None, and changes nothing, if the state does not allow the action.
    """
    job = await lock_import(session, job_id)
    before = job.state
    after = next_state(before, action, dry_run=job.dry_run)
    if after is None or (after == before and action != "start"):
        return job if after else None
    _change(job, after, values)
    if action in AUDITED:
        states = {"before": {"state": before}, "after": {"state": after}}
        audit_log.record(session, AUDITED[action], subject=job_id, actor=actor, **states)
    if after in WITHOUT_SPEECHES and not job.dry_run:
        enqueue(session, ReleaseClaims(import_id=job_id))
    _record_event(session, job)
    return job


def _change(job: ImportJob, state: JobState, values: Mapping[str, Any]) -> None:
    now = utc_now()
    for column, value in values.items():
        setattr(job, column, value)
    job.state, job.version, job.updated_at = state, job.version + 1, now
    if state in FINISHED:
        job.finished_at = now


def _record_event(session: AsyncSession, job: ImportJob) -> None:
    """Record the event of the state that the import has reached. A dry run has no events."""
    if job.dry_run:
        return
    ref, subject = {"import_id": job.id, "owner_id": job.owner_id}, str(job.id)
    match job.state:
        case "completed":
            completed = CompletedImport(**ref, speeches_total=job.success_count)
            record(session, ImportCompleted, subject=subject, data=completed)
        case "rejected":
            detail = f"The table has {job.error_count} errors."
            rejected = FailedImport(**ref, code="rows_have_errors", detail=detail)
            record(session, ImportFailed, subject=subject, data=rejected)
        case "failed":
            code, detail = job.failure_code or "", job.failure_detail or ""
            record(session, ImportFailed, subject=subject, data=FailedImport(**ref, code=code, detail=detail))
        case "undoing":
            record(session, ImportUndoRequested, subject=subject, data=ImportRef(**ref))


async def cancel_import(session: AsyncSession, job_id: UUID, *, actor: Principal) -> ImportJob:
    """Cancel an import that is not yet applied. Raises NotYourImport and ImportNotCancellable."""
    await _ensure_may_change(session, job_id, actor)
    job = await transition(session, job_id, "cancel", actor=actor.id)
    if job is None:
        raise ImportNotCancellable("The import is being applied or has ended. A completed one can be undone.")
    return job


async def undo_import(session: AsyncSession, job_id: UUID, *, actor: Principal) -> ImportJob:
    """Take the speeches of an import out of the catalogue. Raises NotYourImport and ImportNotUndoable."""
    await _ensure_may_change(session, job_id, actor)
    job = await transition(session, job_id, "undo", actor=actor.id)
    if job is None:
        raise ImportNotUndoable("Only a completed import, which was no dry run, can be undone.")
    return job


async def _ensure_may_change(session: AsyncSession, job_id: UUID, actor: Principal) -> None:
    job = await lock_import(session, job_id)
    if job.owner_id != actor.id and actor.role != "admin":
        raise NotYourImport("Only the editor who started this import, or an admin, may change it.")


async def fail_import(
    session: AsyncSession, job_id: UUID, code: str, detail: str, *, row: int | None = None
) -> ImportJob | None:
    """End an import that cannot be processed at all; `row` counts as spreadsheets do."""
    return await transition(
        session,
        job_id,
        "fail",
        failure_code=code[:MAX_FAILURE_CODE_LENGTH],
        failure_detail=detail,
        failure_row=row,
    )


async def complete_import(session: AsyncSession, applied: AppliedImport) -> None:
    count = applied.speeches_total
    job = await transition(session, applied.import_id, "complete", success_count=count)
    _log_unless_changed(job, applied.import_id)


async def fail_refused_import(session: AsyncSession, refused: RefusedImport) -> None:
    job = await fail_import(session, refused.import_id, refused.code, refused.detail)
    _log_unless_changed(job, refused.import_id)


async def finish_undo(session: AsyncSession, undone: UndoneImport) -> None:
    job = await transition(
        session,
        undone.import_id,
        "finish_undo",
        deleted_count=undone.deleted,
        archived_count=undone.archived,
    )
    _log_unless_changed(job, undone.import_id)


def _log_unless_changed(job: ImportJob | None, import_id: UUID) -> None:
    # A repeated answer of content is harmless; one that contradicts the first is a fault to look into.
    if job is None:
        log.warning("import_outcome_ignored", import_id=str(import_id))
