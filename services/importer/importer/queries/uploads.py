from typing import NamedTuple
from uuid import UUID

from shared.audio.measurement import MAX_AUDIO_BYTES
from shared.data.db import Database
from shared.http.pages import fetch_page
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from importer.errors import UploadSessionNotFound
from importer.models import UploadedFile, UploadSession
from importer.schemas.uploads import (
    UploadedFilePageQuery,
    UploadedFileRead,
    UploadSessionFilter,
    UploadSessionPage,
    UploadSessionRead,
    UploadSessionSummary,
)

_FILE_COLUMNS = [
    getattr(UploadedFile, {"audio_key": "object_key"}.get(name, name))
    for name in UploadedFileRead.model_fields
]

MAX_COUNTED_FILES = 10_000
"""Maximum of `file_count`."""


class UnassignedFiles(NamedTuple):
    files: int
    bytes: int


# A file being uploaded counts with the maximum size.
_COUNT_UNASSIGNED = f"""
    SELECT count(*) AS files, coalesce(sum(coalesce(size_bytes, {MAX_AUDIO_BYTES})), 0)::bigint AS bytes
    FROM uploaded_files JOIN upload_sessions ON upload_sessions.id = session_id
    WHERE owner_id = $1 AND claimed_at IS NULL
"""  # noqa: S608 - a constant number


async def count_unassigned_files(database: Database, owner_id: UUID) -> UnassignedFiles:
    """Count an editor's recordings without an import or a speech."""
    [row] = await database.fetch(_COUNT_UNASSIGNED, owner_id)
    return UnassignedFiles(row["files"], row["bytes"])


async def list_upload_sessions(session: AsyncSession, filters: UploadSessionFilter) -> UploadSessionPage:
    """List the upload sessions of all editors, newest first."""
    statement = _select_sessions()
    if filters.owner_id:
        statement = statement.where(UploadSession.owner_id == filters.owner_id)
    scope = filters.build_scope("uploads")
    rows, pagination = await fetch_page(session, statement, UploadSession.id, filters, scope=scope)
    summaries = [UploadSessionSummary.model_validate(row) for row in rows]
    return UploadSessionPage(upload_sessions=summaries, pagination=pagination)


def _select_sessions() -> Select[tuple[UUID, object, object, object, int]]:
    stored = select(UploadedFile.id).where(
        UploadedFile.session_id == UploadSession.id, UploadedFile.state == "stored"
    )
    counted = stored.limit(MAX_COUNTED_FILES).correlate(UploadSession).lateral()
    file_count = select(func.count()).select_from(counted).scalar_subquery()
    return select(
        UploadSession.id,
        UploadSession.owner_id,
        UploadSession.created_at,
        UploadSession.expires_at,
        file_count.label("file_count"),
    )


async def get_upload_session(
    session: AsyncSession, session_id: UUID, query: UploadedFilePageQuery
) -> UploadSessionRead:
    """Return an upload session with a page of its files. Raises UploadSessionNotFound."""
    session_row = (
        await session.execute(_select_sessions().where(UploadSession.id == session_id))
    ).one_or_none()
    if session_row is None:
        raise UploadSessionNotFound(f"There is no upload session {session_id}.")
    files = select(*_FILE_COLUMNS)
    stored = files.where(UploadedFile.session_id == session_id, UploadedFile.state == "stored")
    scope = query.build_scope(session_id)
    rows, pagination = await fetch_page(session, stored, UploadedFile.id, query, scope=scope)
    return UploadSessionRead(
        **dict(session_row._mapping),
        files=[UploadedFileRead.model_validate(row) for row in rows],
        pagination=pagination,
    )
