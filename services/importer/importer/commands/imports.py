"""Changes to imports. Every change of a state goes through `apply_action`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import structlog
from contracts.content import AppliedImport, RefusedImport, UndoneImport
from contracts.importer import (
    CompletedImport,
    FailedImport,
    ImportCompleted,
    ImportFailed,
    ImportRef,
    ImportRequested,
    ImportUndoRequested,
)
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.messaging.jobs import GivenUp, Job, WorkTooLong
from shared.messaging.outbox import enqueue, record
from shared.security.current_user import Principal
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import audit_log
from importer.commands.claims import ReleaseClaims
from importer.commands.objects import DeleteObjects, claim_pending_object
from importer.commands.upload_sessions import get_usable_session
from importer.domain.imports import FINISHED, MAX_UNFINISHED_PER_OWNER, WITHOUT_SPEECHES, find_next_state
from importer.errors import (
    ImportInProgress,
    ImportNotCancellable,
    ImportNotFound,
    ImportNotUndoable,
    NotYourImport,
    TooManyImports,
)
from importer.models import ImportJob
from importer.types import UNFINISHED, AuditAction, ImportAction, JobState

log = structlog.get_logger(__name__)

MAX_FAILURE_CODE_LENGTH = 40
CRASHED = (
    "Checking the table ended our program several times; it may need too much memory. Save it as CSV, split "
    "it into smaller tables, and import them one after another."
)
TOO_LONG = (
    "Checking the table took too long. Split it into smaller tables, and import them one after another."
)

AUDIT_ACTIONS: Mapping[ImportAction, AuditAction] = {
    "complete": "import_completed",
    "reject": "import_rejected",
    "fail": "import_failed",
    "cancel": "import_cancelled",
    "undo": "import_undo_requested",
    "finish_undo": "import_undone",
}


class ValidateImport(Job):
    """Check every row of an import."""

    service: ClassVar[str] = "importer"

    import_id: UUID


@dataclass(frozen=True, kw_only=True)
class NewImport:
    """An import whose table is stored under a key that no row owns yet."""

    id: UUID
    owner_id: UUID
    session_id: UUID
    dry_run: bool
    source_key: str
    source_filename: str
    source_sha256: bytes


@retry_conflicts
async def create_import(database: Database, new: NewImport) -> None:
    """Raise UploadSessionNotFound, -Expired, NotYourUploadSession, ImportInProgress or TooManyImports."""
    async with database.transaction() as session:
        # Imports of an owner are created one at a time, and so are those of an upload session.
        owner = func.hashtextextended(str(new.owner_id), 0)
        await session.execute(select(func.pg_advisory_xact_lock(owner)))
        await get_usable_session(session, new.session_id, owner_id=new.owner_id)
        await _ensure_import_allowed(session, new.owner_id, session_id=new.session_id)
        session.add(ImportJob(**vars(new)))
        await claim_pending_object(session, new.source_key)
        audit_log.record(
            session,
            "import_created",
            subject=new.id,
            actor=new.owner_id,
            after={"state": "queued", "dry_run": new.dry_run, "upload_session_id": str(new.session_id)},
        )
        enqueue(session, ValidateImport(import_id=new.id))
        if not new.dry_run:
            ref = ImportRef(import_id=new.id, owner_id=new.owner_id)
            record(session, ImportRequested, subject=str(new.id), data=ref)


async def _ensure_import_allowed(
    session: AsyncSession, owner_id: UUID, *, session_id: UUID | None = None
) -> None:
    """Raise TooManyImports, or ImportInProgress for an unfinished import of the upload session."""
    unfinished = select(ImportJob.id, ImportJob.session_id).where(
        ImportJob.owner_id == owner_id, ImportJob.state.in_(UNFINISHED)
    )
    found = (await session.execute(unfinished)).all()
    for job_id, other_session_id in found:
        if other_session_id == session_id:
            detail = f"The import {job_id} of this upload session is not finished. Wait for it, or cancel it."
            raise ImportInProgress(detail, job_id=str(job_id))
    if len(found) >= MAX_UNFINISHED_PER_OWNER:
        raise TooManyImports(
            f"You have {len(found)} unfinished imports. Wait until one of them ends, or cancel it."
        )


async def lock_import(session: AsyncSession, job_id: UUID) -> ImportJob:
    """Return the import, locked until the transaction ends. Raises ImportNotFound."""
    job = await session.get(ImportJob, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise ImportNotFound(f"There is no import {job_id}.")
    return job


async def apply_action(
    session: AsyncSession, job_id: UUID, action: ImportAction, *, actor: UUID | None = None, **values: Any
) -> ImportJob | None:
    """Change the state and the given columns, and record the resulting events and jobs. Raises
    ImportNotFound.

    Returns None, and changes nothing, if the state does not allow the action.
    """
    job = await lock_import(session, job_id)
    before = job.state
    after = find_next_state(before, action, dry_run=job.dry_run)
    if after is None or (after == before and action != "start"):
        return job if after else None
    _set_state(job, after, values)
    if action in AUDIT_ACTIONS:
        states = {"before": {"state": before}, "after": {"state": after}}
        audit_log.record(session, AUDIT_ACTIONS[action], subject=job_id, actor=actor, **states)
    _enqueue_clean_up(session, job)
    _record_event(session, job)
    return job


def _set_state(job: ImportJob, state: JobState, values: Mapping[str, Any]) -> None:
    now = utc_now()
    for column, value in values.items():
        setattr(job, column, value)
    job.state, job.version, job.updated_at = state, job.version + 1, now
    if state in FINISHED:
        job.finished_at = now


def _enqueue_clean_up(session: AsyncSession, job: ImportJob) -> None:
    if job.state in WITHOUT_SPEECHES and not job.dry_run:
        enqueue(session, ReleaseClaims(import_id=job.id))
    if job.state in FINISHED and job.state != "undone":
        # The report has all rows of the table.
        enqueue(session, DeleteObjects(keys=[key for key in (job.source_key, job.batch_key) if key]))


def _record_event(session: AsyncSession, job: ImportJob) -> None:
    """Record the event of the import's new state. A dry run has no events."""
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
    job = await apply_action(session, job_id, "cancel", actor=actor.id)
    if job is None:
        raise ImportNotCancellable("The import is being applied or has ended. A completed one can be undone.")
    return job


async def undo_import(session: AsyncSession, job_id: UUID, *, actor: Principal) -> ImportJob:
    """Remove the speeches of an import from the catalogue. Raises NotYourImport and ImportNotUndoable."""
    await _ensure_may_change(session, job_id, actor)
    job = await apply_action(session, job_id, "undo", actor=actor.id)
    if job is None:
        raise ImportNotUndoable("Only a completed import can be undone, and not a dry run.")
    return job


async def _ensure_may_change(session: AsyncSession, job_id: UUID, actor: Principal) -> None:
    job = await lock_import(session, job_id)
    if job.owner_id != actor.id and actor.role != "admin":
        raise NotYourImport("Only the editor who started this import, or an admin, may change it.")


async def fail_import(
    session: AsyncSession, job_id: UUID, code: str, detail: str, *, row: int | None = None
) -> ImportJob | None:
    """End an import that cannot be processed; `row` is counted as in a spreadsheet."""
    return await apply_action(
        session,
        job_id,
        "fail",
        failure_code=code[:MAX_FAILURE_CODE_LENGTH],
        failure_detail=detail,
        failure_row=row,
    )


async def give_up_validation(session: AsyncSession, job_id: UUID, error: GivenUp) -> None:
    """Fail an import that cannot be validated, unless it was."""
    job = await lock_import(session, job_id)
    # In any later state, the validation was complete.
    if job.state in {"queued", "validating"}:
        detail = TOO_LONG if isinstance(error, WorkTooLong) else CRASHED
        await fail_import(session, job_id, "not_checked", detail)


async def complete_import(session: AsyncSession, applied: AppliedImport) -> None:
    await _apply_outcome(session, applied.import_id, "complete", success_count=applied.speeches_total)


async def fail_rejected_import(session: AsyncSession, refused: RefusedImport) -> None:
    code = refused.code[:MAX_FAILURE_CODE_LENGTH]
    await _apply_outcome(session, refused.import_id, "fail", failure_code=code, failure_detail=refused.detail)


async def finish_undo(session: AsyncSession, undone: UndoneImport) -> None:
    counts = {"deleted_count": undone.deleted, "archived_count": undone.archived}
    await _apply_outcome(session, undone.import_id, "finish_undo", **counts)


async def _apply_outcome(session: AsyncSession, import_id: UUID, action: ImportAction, **values: Any) -> None:
    try:
        job = await apply_action(session, import_id, action, **values)
    except ImportNotFound:
        # A database restored from a backup may be older than content's answer.
        job = None
    # A repeated answer changes nothing. An answer that contradicts the state must be investigated.
    if job is None:
        log.warning("import_outcome_ignored", import_id=str(import_id), action=action)
