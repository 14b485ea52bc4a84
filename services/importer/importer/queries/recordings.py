from collections.abc import Collection
from uuid import UUID

from sqlalchemy import String, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from importer.domain.rows import FoundRecording
from importer.models import UploadedFile


async def find_recordings(
    session: AsyncSession, *, session_id: UUID, import_id: UUID, name_keys: Collection[str]
) -> dict[str, FoundRecording]:
    """Return the stored files of an upload session with these names, free ones before claimed ones."""
    is_free = or_(UploadedFile.claimed_at.is_(None), UploadedFile.import_id == import_id)
    columns = UploadedFile.name_key, UploadedFile.id, UploadedFile.object_key, UploadedFile.duration_ms
    has_name = UploadedFile.name_key == any_(literal(list(name_keys), ARRAY(String)))
    stored = select(*columns, is_free.label("is_free")).where(
        UploadedFile.session_id == session_id, UploadedFile.state == "stored", has_name
    )
    recordings = dict[str, FoundRecording]()
    for name_key, file_id, object_key, duration_ms, free in await session.execute(stored.order_by("is_free")):
        recordings[name_key] = FoundRecording(file_id, object_key, duration_ms or 0, free)
    return recordings
