"""Recordings of upload sessions: first a row, then the object, then the row is marked as complete."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import cast
from uuid import UUID

from shared.audio.measurement import MAX_AUDIO_BYTES, AudioTooLong, Measurement, UndecodableAudio
from shared.audio.measurer import Measurer
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.data.storage import ObjectNotFound, Storage, StorageUnavailable
from shared.messaging.outbox import enqueue
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from importer.audio import RecordingContent
from importer.commands.objects import DeleteObjects
from importer.domain.filenames import to_name_key
from importer.domain.uploads import (
    FileRejected,
    NamedFile,
    ensure_audible,
    find_same_file,
    list_names,
)
from importer.errors import UploadSessionExpired
from importer.models import UploadedFile, UploadSession
from importer.types import AudioFormat

CONTENT_TYPES: dict[AudioFormat, str] = {"mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4"}
NAME_CHUNK_SIZE = 100
MAX_LOADED_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class RecordingStore:
    """The storage for recordings, and the measurer."""

    database: Database
    storage: Storage
    measurer: Measurer


@dataclass(frozen=True, kw_only=True)
class StoredRecording:
    file: UploadedFile
    already_there: bool


async def store_recording(
    store: RecordingStore,
    session_id: UUID,
    name: str,
    audio_format: AudioFormat,
    chunks: AsyncIterator[bytes],
) -> StoredRecording:
    """Store a recording, or recognise it. Raises FileRejected or the errors of `chunks`, leaving nothing
    behind.

    A killed process or an S3 outage leaves a row in state `storing`, which the worker deletes with its
    object.
    """
    too_large = FileRejected("audio_too_large")
    content = RecordingContent(chunks, max_bytes=MAX_AUDIO_BYTES, too_large=too_large)
    measurement = None
    # Most recordings are small; these are recognised or rejected before anything is stored.
    if (loaded := await content.load(max_bytes=MAX_LOADED_BYTES)) is not None:
        if (same := await _find_stored_file(store.database, session_id, name, content.sha256)) is not None:
            return StoredRecording(file=same, already_there=True)
        measurement = await _measure(store.measurer, audio_format, loaded)
    file = await _insert_storing_file(store.database, session_id, name, audio_format)
    return await _store(store, file, content, measurement)


async def _store(
    store: RecordingStore, file: UploadedFile, content: RecordingContent, measurement: Measurement | None
) -> StoredRecording:
    key, audio_format = file.object_key, cast(AudioFormat, file.format)
    try:
        await store.storage.put_stream(key, content.read(), content_type=CONTENT_TYPES[audio_format])
        if measurement is None:
            stored = store.storage.read_stream(key)
            measurement = await _measure(store.measurer, audio_format, stored, size=content.size)
        return await _mark_stored(store.database, file, content, measurement)
    except StorageUnavailable:
        # It is unknown what S3 has stored. The worker cleans up when S3 is available again.
        raise
    except BaseException:
        await discard_recordings(store.database, [file.id])
        raise


@retry_conflicts
async def _insert_storing_file(
    database: Database, session_id: UUID, name: str, audio_format: AudioFormat
) -> UploadedFile:
    file_id = uuid7()
    async with database.transaction() as session:
        await _lock_session(session, session_id)
        statement = insert(UploadedFile).values(
            id=file_id,
            session_id=session_id,
            original_filename=name,
            stored_filename=name,
            # A placeholder, which no file name can equal, until the file is complete.
            name_key=f"/{file_id}",
            object_key=f"speeches/{file_id}.{audio_format}",
            format=audio_format,
        )
        return (await session.scalars(statement.returning(UploadedFile))).one()


async def _lock_session(session: AsyncSession, session_id: UUID) -> None:
    """Lock the session, so that its files get distinct names. Raises UploadSessionExpired."""
    locked = select(UploadSession.expires_at).where(UploadSession.id == session_id)
    expires_at = await session.scalar(locked.with_for_update(key_share=True))
    if expires_at is None or expires_at <= utc_now():
        raise UploadSessionExpired("The upload session has ended.")


async def _measure(
    measurer: Measurer,
    audio_format: AudioFormat,
    content: bytes | AsyncIterator[bytes],
    *,
    size: int | None = None,
) -> Measurement:
    try:
        measurement = await measurer.measure(content, size=size)
    except UndecodableAudio as error:
        raise FileRejected("undecodable_audio", str(error)) from error
    except AudioTooLong as error:
        raise FileRejected("audio_too_long", str(error)) from error
    except ObjectNotFound as error:
        raise FileRejected("incomplete_upload") from error
    if measurement.format != audio_format:
        raise FileRejected("unsupported_audio")
    ensure_audible(level_db=measurement.level_db, clipped_share=measurement.clipped_share)
    return measurement


@retry_conflicts
async def _mark_stored(
    database: Database, storing: UploadedFile, content: RecordingContent, measurement: Measurement
) -> StoredRecording:
    async with database.transaction() as session:
        await _lock_session(session, storing.session_id)
        file = await session.get(UploadedFile, storing.id)
        if file is None:
            raise FileRejected("incomplete_upload")
        same = await _find_same_file(session, file.session_id, file.original_filename, content.sha256)
        if same is not None:
            await _discard(session, [file.id])
            return StoredRecording(file=same, already_there=True)
        file.stored_filename = await _find_free_name(session, file)
        file.name_key = to_name_key(file.stored_filename)
        file.state, file.size_bytes, file.sha256 = "stored", content.size, content.sha256
        file.duration_ms, file.level_db = measurement.duration_ms, measurement.level_db
    return StoredRecording(file=file, already_there=False)


@retry_conflicts
async def _find_stored_file(
    database: Database, session_id: UUID, name: str, sha256: bytes
) -> UploadedFile | None:
    async with database.transaction() as session:
        return await _find_same_file(session, session_id, name, sha256)


async def _find_same_file(
    session: AsyncSession, session_id: UUID, name: str, sha256: bytes
) -> UploadedFile | None:
    same_content = select(UploadedFile.id, UploadedFile.original_filename).where(
        UploadedFile.session_id == session_id,
        UploadedFile.sha256 == sha256,
        UploadedFile.claimed_at.is_(None),
    )
    same_files = [NamedFile(*row) for row in await session.execute(same_content)]
    same_id = find_same_file(name, same_files)
    return await session.get(UploadedFile, same_id) if same_id else None


async def _find_free_name(session: AsyncSession, file: UploadedFile) -> str:
    for start in count(0, NAME_CHUNK_SIZE):
        names = list_names(file.original_filename, start=start, size=NAME_CHUNK_SIZE)
        by_key = {to_name_key(name): name for name in names}
        taken_names = select(UploadedFile.name_key).where(
            UploadedFile.session_id == file.session_id,
            UploadedFile.name_key.in_(by_key),
            UploadedFile.claimed_at.is_(None),
        )
        for key in await session.scalars(taken_names):
            del by_key[key]
        if by_key:
            return next(iter(by_key.values()))
    raise AssertionError


@retry_conflicts
async def discard_recordings(database: Database, ids: Sequence[UUID]) -> None:
    async with database.transaction() as session:
        await _discard(session, ids)


async def _discard(session: AsyncSession, ids: Sequence[UUID]) -> None:
    """Delete recordings without an import or a speech, and enqueue the deletion of their objects."""
    unclaimed = delete(UploadedFile).where(UploadedFile.id.in_(ids), UploadedFile.claimed_at.is_(None))
    keys = (await session.scalars(unclaimed.returning(UploadedFile.object_key))).all()
    if keys:
        enqueue(session, DeleteObjects(keys=list(keys)))
