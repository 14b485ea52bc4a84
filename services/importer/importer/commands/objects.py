"""S3 objects and their owners: rows are created before, and deleted before, their objects."""

from datetime import timedelta
from typing import ClassVar

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.data.storage import Storage
from shared.messaging.jobs import Job
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from importer.models import PendingObject

MAX_PENDING_TIME = timedelta(days=1)
"""Longer than any upload: the gateway ends uploads much earlier."""
CHUNK_SIZE = 100


class DeleteObjects(Job):
    """Delete objects that no row owns any more."""

    service: ClassVar[str] = "importer"

    keys: list[str]


async def delete_objects(storage: Storage, job: DeleteObjects) -> None:
    await storage.delete(job.keys)


@retry_conflicts
async def record_pending_object(database: Database, key: str) -> None:
    """Record an object before it is stored. If nothing claims it within a day, the worker deletes it."""
    async with database.transaction() as session:
        session.add(PendingObject(key=key))


async def claim_pending_object(session: AsyncSession, key: str) -> None:
    """Stop tracking an object that a row of this transaction owns."""
    await session.execute(delete(PendingObject).where(PendingObject.key == key))


async def discard_object(database: Database, storage: Storage, key: str) -> None:
    """Delete a pending object immediately."""
    await storage.delete([key])
    await _delete_pending_row(database, key)


@retry_conflicts
async def purge_pending_objects(database: Database, storage: Storage) -> bool:
    """Delete objects of abandoned uploads. Returns whether there are more."""
    async with database.transaction() as session:
        is_old = PendingObject.created_at < utc_now() - MAX_PENDING_TIME
        keys = (await session.scalars(select(PendingObject.key).where(is_old).limit(CHUNK_SIZE))).all()
    for key in keys:
        await storage.abort_unfinished(key)
        await discard_object(database, storage, key)
    return len(keys) == CHUNK_SIZE


@retry_conflicts
async def _delete_pending_row(database: Database, key: str) -> None:
    async with database.transaction() as session:
        await claim_pending_object(session, key)
