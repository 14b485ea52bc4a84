"""Upload sessions, and the files that a request adds to one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from shared.data.db_errors import retry_conflicts

from importer.audio import Archive, UnreadableArchive, peek
from importer.commands import audit_log
from importer.commands.recordings import (
    RecordingStore,
    StoredRecording,
    discard_recordings,
    store_recording,
)
from importer.commands.upload_sessions import get_usable_session, open_upload_session
from importer.domain.filenames import clean_filename
from importer.domain.uploads import (
    ARCHIVE_MAGIC_BYTES,
    MAX_FILES_PER_REQUEST,
    SNIFFED_BYTES,
    FileRejected,
    detect_format,
    is_archive,
    to_display_name,
)
from importer.errors import UploadQuotaExceeded
from importer.models import UploadSession
from importer.queries.uploads import count_unassigned_files
from importer.types import FileProblemCode

FILES_BETWEEN_COUNTS = 100
DISCARD_CHUNK_SIZE = 500


@dataclass(frozen=True, kw_only=True)
class RejectedUpload:
    original_filename: str
    code: FileProblemCode
    detail: str


@dataclass(frozen=True, kw_only=True)
class Quota:
    """Limits of an editor's unassigned recordings."""

    max_files: int
    max_bytes: int


@dataclass(kw_only=True)
class Upload:
    """The files of one request. Each is stored completely or not at all, independently of the others."""

    store: RecordingStore
    owner_id: UUID
    quota: Quota
    session: UploadSession | None = None
    uploaded: list[StoredRecording] = field(default_factory=list)
    rejected: list[RejectedUpload] = field(default_factory=list)
    _count: int = 0
    _prepared_files: int = 0

    @retry_conflicts
    async def set_session(self, session_id: UUID) -> None:
        """Raise UploadSessionNotFound, NotYourUploadSession or UploadSessionExpired."""
        async with self.store.database.transaction() as session:
            self.session = await get_usable_session(session, session_id, owner_id=self.owner_id)

    async def add(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Store a recording, or an archive of them. Raises UploadQuotaExceeded or the errors of `chunks`."""
        head, chunks = await peek(chunks, ARCHIVE_MAGIC_BYTES)
        if is_archive(head):
            await self._add_archive(name, chunks)
        else:
            await self._add_file(name, chunks)

    async def _add_archive(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        try:
            async for entry in Archive(chunks).iterate_entries():
                if self._count >= MAX_FILES_PER_REQUEST:
                    raise FileRejected("too_many_files")
                await self._add_file(entry.name, entry.chunks)
        except UnreadableArchive as error:
            self._reject(name, FileRejected("unreadable_archive", str(error)))
        except FileRejected as error:
            self._reject(name, error)

    async def _add_file(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self._count += 1
        try:
            self.uploaded.append(await self._store(name, chunks))
        except FileRejected as error:
            self._reject(name, error)
        except UnreadableArchive:
            self._reject(
                name, FileRejected("incomplete_upload", "The archive ends in the middle of this file.")
            )
            raise

    async def _store(self, name: str, chunks: AsyncIterator[bytes]) -> StoredRecording:
        if self._count > MAX_FILES_PER_REQUEST:
            raise FileRejected("too_many_files")
        if (cleaned := clean_filename(name)) is None:
            raise FileRejected("unusable_filename")
        head, chunks = await peek(chunks, SNIFFED_BYTES)
        if not head:
            raise FileRejected("empty_file")
        if (audio_format := detect_format(head)) is None:
            raise FileRejected("unsupported_audio")
        session_id = await self._prepare_session()
        return await store_recording(self.store, session_id, cleaned, audio_format, chunks)

    def _reject(self, name: str, error: FileRejected) -> None:
        displayed_name = clean_filename(name) or to_display_name(name)
        self.rejected.append(
            RejectedUpload(original_filename=displayed_name, code=error.code, detail=error.detail)
        )

    async def _prepare_session(self) -> UUID:
        if self._prepared_files % FILES_BETWEEN_COUNTS == 0:
            await self._ensure_quota()
        self._prepared_files += 1
        if self.session is None:
            self.session = await open_upload_session(self.store.database, self.owner_id)
        return self.session.id

    async def _ensure_quota(self) -> None:
        unassigned = await count_unassigned_files(self.store.database, self.owner_id)
        if unassigned.files >= self.quota.max_files or unassigned.bytes >= self.quota.max_bytes:
            raise UploadQuotaExceeded(
                f"You have {unassigned.files} recordings ({unassigned.bytes >> 20} MiB) that no speech uses. "
                "Import or delete some of them."
            )

    @retry_conflicts
    async def record(self) -> None:
        """Record the files that the request added. Files that already existed are not counted."""
        new = [item for item in self.uploaded if not item.already_there]
        if self.session is None or not new:
            return
        added = {"files": len(new), "bytes": sum(item.file.size_bytes or 0 for item in new)}
        async with self.store.database.transaction() as session:
            audit_log.record(
                session, "recordings_uploaded", subject=self.session.id, actor=self.owner_id, after=added
            )

    async def discard_added(self) -> None:
        """Discard the files that this request added."""
        ids = [item.file.id for item in self.uploaded if not item.already_there]
        for start in range(0, len(ids), DISCARD_CHUNK_SIZE):
            await discard_recordings(self.store.database, ids[start : start + DISCARD_CHUNK_SIZE])
        self.uploaded.clear()
