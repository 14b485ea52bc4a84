"""Claims of recordings: a claimed one belongs to its import, until that ends without speeches."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from sqlalchemy import ColumnElement, Uuid, any_, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from importer.domain.imports import WITHOUT_SPEECHES
from importer.models import ImportJob, UploadedFile

CHUNK_SIZE = 10_000


class ReleaseClaims(Job):
    """Give the recordings of an import back to their upload session."""

    service: ClassVar[str] = "importer"

    import_id: UUID


async def release_claims(session: AsyncSession, job: ReleaseClaims) -> None:
    """Release one chunk of an import's recordings, and enqueue the next chunk."""
    if await _release_chunk(session, [job.import_id]) == CHUNK_SIZE:
        enqueue(session, ReleaseClaims(import_id=job.import_id))


async def release_stale_claims(session: AsyncSession, session_id: UUID) -> None:
    """Release what ended imports of an upload session still claim, so that another one can claim it."""
    ended = select(ImportJob.id).where(ImportJob.session_id == session_id)
    ids = (await session.scalars(ended.where(ImportJob.state.in_(WITHOUT_SPEECHES)))).all()
    while ids and await _release_chunk(session, ids) == CHUNK_SIZE:
        pass


async def _release_chunk(session: AsyncSession, import_ids: Sequence[UUID]) -> int:
    claimed = select(UploadedFile.id).where(UploadedFile.import_id.in_(import_ids))
    # Locked in one order, so that two releases do not wait for each other.
    chunk = claimed.order_by(UploadedFile.id).limit(CHUNK_SIZE).with_for_update()
    ids = (await session.scalars(chunk)).all()
    # One argument, because thousands of them take longer than the update.
    is_chosen = UploadedFile.id == any_(literal(ids, ARRAY(Uuid)))
    await _rename_repeated(session, is_chosen)
    await session.execute(update(UploadedFile).where(is_chosen).values(claimed_at=None, import_id=None))
    return len(ids)


async def _rename_repeated(session: AsyncSession, is_chosen: ColumnElement[bool]) -> None:
    """Name a recording after its object, if a later one of its session has taken its name."""
    later = aliased(UploadedFile)
    is_taken = exists().where(
        later.session_id == UploadedFile.session_id,
        later.name_key == UploadedFile.name_key,
        later.claimed_at.is_(None),
    )
    name = func.split_part(UploadedFile.object_key, "/", -1)
    renamed = update(UploadedFile).where(is_chosen, is_taken)
    await session.execute(renamed.values(stored_filename=name, name_key=name))
