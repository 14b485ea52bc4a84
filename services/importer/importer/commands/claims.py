"""Claims of recordings: a claimed recording belongs to its import until the import ends without speeches."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from sqlalchemy import Row, String, Update, Uuid, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from importer.domain.imports import WITHOUT_SPEECHES
from importer.models import ImportJob, UploadedFile

CHUNK_SIZE = 10_000


class ReleaseClaims(Job):
    """Return an import's recordings to their upload session."""

    service: ClassVar[str] = "importer"

    import_id: UUID


async def release_claims(session: AsyncSession, job: ReleaseClaims) -> None:
    """Release one chunk of an import's recordings, and enqueue the next chunk."""
    if await _release_chunk(session, job.import_id) == CHUNK_SIZE:
        enqueue(session, ReleaseClaims(import_id=job.import_id))


@retry_conflicts
async def release_stale_claims(database: Database, session_id: UUID) -> None:
    """Release recordings still claimed by ended imports of an upload session."""
    async with database.transaction() as session:
        ended_imports = select(ImportJob.id).where(
            ImportJob.session_id == session_id, ImportJob.state.in_(WITHOUT_SPEECHES)
        )
        ids = (await session.scalars(ended_imports)).all()
    for import_id in ids:
        count = CHUNK_SIZE
        while count == CHUNK_SIZE:
            async with database.transaction() as session:
                count = await _release_chunk(session, import_id)


async def _release_chunk(session: AsyncSession, import_id: UUID) -> int:
    columns = UploadedFile.id, UploadedFile.session_id, UploadedFile.name_key
    claimed = select(*columns).where(UploadedFile.import_id == import_id)
    # Locked in a fixed order, so that two releases do not deadlock.
    chunk = claimed.order_by(UploadedFile.id).limit(CHUNK_SIZE).with_for_update()
    files = (await session.execute(chunk)).all()
    await _rename_repeated(session, files)
    released = _update_files([file.id for file in files])
    await session.execute(released.values(claimed_at=None, import_id=None))
    return len(files)


async def _rename_repeated(session: AsyncSession, files: Sequence[Row[UUID, UUID, str]]) -> None:
    """Name recordings after their objects if newer recordings of the session have taken their names."""
    if not files:
        return
    # One table at a time: with outdated statistics, a join's plan may take minutes.
    names = literal([file.name_key for file in files], ARRAY(String))
    statement = select(UploadedFile.name_key).where(
        UploadedFile.session_id == files[0].session_id,
        UploadedFile.name_key == any_(names),
        UploadedFile.claimed_at.is_(None),
    )
    taken_names = set(await session.scalars(statement))
    if repeated := [file.id for file in files if file.name_key in taken_names]:
        name = func.split_part(UploadedFile.object_key, "/", -1)
        await session.execute(_update_files(repeated).values(stored_filename=name, name_key=name))


def _update_files(ids: Sequence[UUID]) -> Update:
    # One array argument, because thousands of arguments take longer than the update.
    return update(UploadedFile).where(UploadedFile.id == any_(literal(ids, ARRAY(Uuid))))
