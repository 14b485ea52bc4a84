"""Delete unused recordings."""

from typing import ClassVar
from uuid import UUID

from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.data.storage import Storage
from shared.messaging.jobs import Job
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import AuditEntry, Speech

_FORMER_KEY = AuditEntry.before["audio_key"].astext


class DeleteRecordings(Job):
    """Delete recordings of deleted speeches, unless other speeches use them or have used them."""

    service: ClassVar[str] = "content"

    keys: list[str]
    speech_ids: list[UUID]


@retry_conflicts
async def delete_recordings(database: Database, storage: Storage, job: DeleteRecordings) -> None:
    """Delete the recordings that are not in use. Raises StorageUnavailable."""
    async with database.transaction() as session:
        needed = set(await session.scalars(select(Speech.audio_key).where(Speech.audio_key.in_(job.keys))))
        # Sessions show earlier revisions of other speeches, and speeches deleted by editors.
        former = select(_FORMER_KEY).where(_FORMER_KEY.in_(job.keys))
        needed |= set(await session.scalars(former.where(AuditEntry.subject_id.not_in(job.speech_ids))))
    if unneeded := sorted(set(job.keys) - needed):
        await storage.delete(unneeded)


async def list_former_keys(session: AsyncSession, speech_ids: list[UUID]) -> set[str]:
    """Return the recordings that these speeches had before editors replaced them."""
    former = select(_FORMER_KEY).where(AuditEntry.subject_id.in_(speech_ids), _FORMER_KEY.is_not(None))
    return {key for key in await session.scalars(former) if key is not None}
