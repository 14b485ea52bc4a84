"""Delete recordings that no speech uses any more."""

from collections.abc import Collection
from typing import ClassVar

from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.data.storage import Storage
from shared.messaging.jobs import Job
from sqlalchemy import select

from content.models import Speech


class DeleteRecordings(Job):
    service: ClassVar[str] = "content"

    keys: list[str]


@retry_conflicts
async def delete_recordings(database: Database, storage: Storage, keys: Collection[str]) -> None:
    """Delete the recordings that no speech uses. Raises StorageUnavailable."""
    async with database.transaction() as session:
        used = set(await session.scalars(select(Speech.audio_key).where(Speech.audio_key.in_(keys))))
    if unused := sorted(set(keys) - used):
        await storage.delete(unused)
