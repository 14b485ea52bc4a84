"""Undo an import, chunk by chunk: speeches that were never played are deleted, the others archived."""

from collections.abc import Collection, Sequence
from typing import ClassVar
from uuid import UUID

import structlog
from contracts.content import ImportUndone, UndoneImport
from contracts.importer import ImportRef
from shared.messaging.inbox import claim
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue, record, spread_recorded_messages
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import audit_log
from content.commands.recordings import DeleteRecordings, list_former_keys
from content.commands.speeches import archive_speeches, delete_speeches
from content.models import Speech, SpeechStatistics

log = structlog.get_logger(__name__)

CHUNK_SIZE = 500
UNDONE_IMPORTS = "content.import_undos"
"""Name under which imports are claimed by id, so that an import is undone once even after two events."""


class UndoImport(Job):
    """Undo the import's speeches with ids greater than `after`. The counts are those of earlier chunks."""

    service: ClassVar[str] = "content"

    import_id: UUID
    owner_id: UUID
    after: UUID | None = None
    deleted: int = 0
    archived: int = 0


async def request_undo(session: AsyncSession, requested: ImportRef) -> None:
    if await claim(session, UNDONE_IMPORTS, requested.import_id):
        enqueue(session, UndoImport(import_id=requested.import_id, owner_id=requested.owner_id))


async def undo_import(session: AsyncSession, job: UndoImport) -> None:
    """Undo one chunk, and enqueue the next one. The last one records ImportUndone."""
    speeches = await _lock_chunk(session, job)
    played = await _list_played(session, [speech.id for speech in speeches])
    deleted = [speech for speech in speeches if speech.id not in played]
    archived = [speech for speech in speeches if speech.id in played]
    updated_job = job.model_copy(
        update={"deleted": job.deleted + len(deleted), "archived": job.archived + len(archived)}
    )
    await _delete_unplayed(session, deleted)
    await archive_speeches(session, [speech.id for speech in archived if speech.archived_at is None])
    if len(speeches) == CHUNK_SIZE:
        # Due after the chunk's events, so that the outbox contains the events of only one chunk.
        enqueue(session, _continue_after(updated_job, speeches[-1].id))
    else:
        _record_undone(session, updated_job)
    await spread_recorded_messages(session)


async def _lock_chunk(session: AsyncSession, job: UndoImport) -> Sequence[Speech]:
    """Return the next speeches, locked in the common order."""
    of_import = select(Speech).where(Speech.import_id == job.import_id)
    if job.after is not None:
        of_import = of_import.where(Speech.id > job.after)
    return (await session.scalars(of_import.order_by(Speech.id).limit(CHUNK_SIZE).with_for_update())).all()


async def _list_played(session: AsyncSession, speech_ids: Collection[UUID]) -> set[UUID]:
    # Read after locking the speeches, so that plays counted by concurrent transactions are included.
    played = select(SpeechStatistics.speech_id).where(SpeechStatistics.speech_id.in_(speech_ids))
    return set(await session.scalars(played))


async def _delete_unplayed(session: AsyncSession, speeches: Collection[Speech]) -> None:
    if speeches:
        ids = [speech.id for speech in speeches]
        keys = {speech.audio_key for speech in speeches} | await list_former_keys(session, ids)
        await delete_speeches(session, speeches)
        enqueue(session, DeleteRecordings(keys=sorted(keys), speech_ids=ids))


def _continue_after(job: UndoImport, speech_id: UUID) -> UndoImport:
    return UndoImport(
        import_id=job.import_id,
        owner_id=job.owner_id,
        after=speech_id,
        deleted=job.deleted,
        archived=job.archived,
    )


def _record_undone(session: AsyncSession, job: UndoImport) -> None:
    counts = {"deleted": job.deleted, "archived": job.archived}
    undone = UndoneImport(import_id=job.import_id, **counts)
    record(session, ImportUndone, subject=str(job.import_id), data=undone)
    audit_log.record(session, "import_undone", subject=job.import_id, actor=job.owner_id, after=counts)
    log.info("import_undone", import_id=str(job.import_id), **counts)
