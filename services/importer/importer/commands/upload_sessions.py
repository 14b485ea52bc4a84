"""Upload sessions: opened by an upload, ended by time or by their owner, then purged."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.data.storage import Storage
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import audit_log
from importer.commands.objects import DeleteObjects
from importer.commands.recordings import discard_recordings
from importer.errors import (
    ImportInProgress,
    NotYourUploadSession,
    UploadSessionExpired,
    UploadSessionNotFound,
)
from importer.models import ImportJob, UploadedFile, UploadSession
from importer.types import UNFINISHED

SESSION_TTL = timedelta(days=7)
PURGE_DELAY = timedelta(hours=1)
"""Purges wait, because clocks differ, and an event may still assign a recording to a speech."""
MAX_STORING_TIME = timedelta(hours=1)
"""Twice as long as an upload may take."""
FILE_CHUNK_SIZE = 500
MAX_SESSIONS_PER_PURGE = 1000


class PurgeUploadSession(Job):
    """Delete the unclaimed files of an ended upload session, and the session unless an import used it."""

    service: ClassVar[str] = "importer"

    session_id: UUID


@retry_conflicts
async def open_upload_session(database: Database, owner_id: UUID) -> UploadSession:
    opened = UploadSession(owner_id=owner_id, expires_at=utc_now() + SESSION_TTL)
    async with database.transaction() as session:
        session.add(opened)
        await session.flush()
        audit_log.record(session, "upload_session_opened", subject=opened.id, actor=owner_id)
    return opened


async def get_usable_session(session: AsyncSession, session_id: UUID, *, owner_id: UUID) -> UploadSession:
    """Return an upload session, locked against deletion until the transaction ends.

    Raises UploadSessionNotFound, NotYourUploadSession or UploadSessionExpired.
    """
    upload_session = await _get_own_session(session, session_id, owner_id=owner_id)
    if upload_session.expires_at <= utc_now():
        raise UploadSessionExpired("The upload session has expired; upload the recordings again.")
    return upload_session


async def _get_own_session(session: AsyncSession, session_id: UUID, *, owner_id: UUID) -> UploadSession:
    locked = select(UploadSession).where(UploadSession.id == session_id)
    upload_session = await session.scalar(locked.with_for_update(read=True, key_share=True))
    if upload_session is None:
        raise UploadSessionNotFound(f"There is no upload session {session_id}.")
    if upload_session.owner_id != owner_id:
        raise NotYourUploadSession("This upload session belongs to another editor; start your own.")
    return upload_session


@retry_conflicts
async def delete_upload_session(database: Database, session_id: UUID, *, owner_id: UUID) -> None:
    """Raise UploadSessionNotFound, NotYourUploadSession, or ImportInProgress."""
    async with database.transaction() as session:
        upload_session = await _get_own_session(session, session_id, owner_id=owner_id)
        # Waits for files being named, and blocks further ones.
        await session.refresh(upload_session, with_for_update=True)
        await _ensure_no_import(session, session_id)
        if upload_session.expires_at > utc_now():
            upload_session.expires_at = utc_now()
            audit_log.record(session, "upload_session_deleted", subject=session_id, actor=owner_id)
        enqueue(session, PurgeUploadSession(session_id=session_id))


async def _ensure_no_import(session: AsyncSession, session_id: UUID) -> None:
    job_id = await session.scalar(select(ImportJob.id).where(_is_unfinished(session_id)))
    if job_id is not None:
        detail = f"The import {job_id} of this upload session is not finished. Wait for it, or cancel it."
        raise ImportInProgress(detail, job_id=str(job_id))


def _is_unfinished(session_id: object) -> ColumnElement[bool]:
    return (ImportJob.session_id == session_id) & ImportJob.state.in_(UNFINISHED)


async def purge_upload_session(session: AsyncSession, job: PurgeUploadSession) -> None:
    """Delete one chunk of files and enqueue their objects' deletion, or delete the session after its last
    file.
    """
    upload_session = await session.get(UploadSession, job.session_id, with_for_update=True)
    if upload_session is None or upload_session.expires_at > utc_now():
        return
    if await session.scalar(select(exists().where(_is_unfinished(job.session_id)))):
        return
    if await _purge_files(session, job.session_id) == FILE_CHUNK_SIZE:
        enqueue(session, PurgeUploadSession(session_id=job.session_id))
        return
    is_needed = exists().where(UploadedFile.session_id == UploadSession.id) | exists().where(
        ImportJob.session_id == UploadSession.id
    )
    await session.execute(delete(UploadSession).where(UploadSession.id == job.session_id, ~is_needed))


async def _purge_files(session: AsyncSession, session_id: UUID) -> int:
    # Unfinished files are skipped, because their objects may not exist yet: the upload deletes them, or the
    # purge of abandoned files an hour later. Of a claimed file only the row is deleted, because its object
    # belongs to a speech.
    has_speech = UploadedFile.import_id.is_(None) | UploadedFile.import_id.in_(
        select(ImportJob.id).where(
            ImportJob.session_id == session_id, ImportJob.state.in_(("completed", "undone"))
        )
    )
    is_done = UploadedFile.claimed_at.is_(None) | has_speech
    expired_files = select(UploadedFile.id).where(
        UploadedFile.session_id == session_id, UploadedFile.state == "stored", is_done
    )
    chunk = expired_files.order_by(UploadedFile.id).limit(FILE_CHUNK_SIZE).with_for_update()
    ids = (await session.scalars(chunk)).all()
    deleted = delete(UploadedFile).where(UploadedFile.id.in_(ids))
    rows = (await session.execute(deleted.returning(UploadedFile.object_key, UploadedFile.claimed_at))).all()
    if keys := [row.object_key for row in rows if row.claimed_at is None]:
        enqueue(session, DeleteObjects(keys=keys))
    return len(rows)


@retry_conflicts
async def purge_expired_sessions(database: Database) -> None:
    """Enqueue the purge of ended sessions that still have files, or were never used."""
    has_files = exists().where(UploadedFile.session_id == UploadSession.id)
    has_imports = exists().where(ImportJob.session_id == UploadSession.id)
    expired = select(UploadSession.id).where(
        UploadSession.expires_at < utc_now() - PURGE_DELAY,
        has_files | ~has_imports,
        ~exists().where(_is_unfinished(UploadSession.id)),
    )
    async with database.transaction() as session:
        # Chosen at random, so that sessions that cannot be purged yet do not block others.
        selected = expired.order_by(func.random()).limit(MAX_SESSIONS_PER_PURGE)
        for session_id in await session.scalars(selected):
            enqueue(session, PurgeUploadSession(session_id=session_id))


async def purge_abandoned_files(database: Database, storage: Storage) -> bool:
    """Delete rows left by processes that ended in the middle of an upload. Returns whether there are more."""
    abandoned = await _list_abandoned(database)
    for _, key in abandoned:
        await storage.abort_unfinished(key)
    if abandoned:
        await discard_recordings(database, [file_id for file_id, _ in abandoned])
    return len(abandoned) == FILE_CHUNK_SIZE


@retry_conflicts
async def _list_abandoned(database: Database) -> Sequence[tuple[UUID, str]]:
    is_old = UploadedFile.created_at < utc_now() - MAX_STORING_TIME
    storing = select(UploadedFile.id, UploadedFile.object_key).where(UploadedFile.state == "storing", is_old)
    async with database.transaction() as session:
        rows = await session.execute(storing.limit(FILE_CHUNK_SIZE))
        return [(row.id, row.object_key) for row in rows]
