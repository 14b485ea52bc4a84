from datetime import timedelta

from importer.commands.objects import MAX_PENDING_TIME, purge_pending_objects
from importer.models import PendingObject
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage
from sqlalchemy import select


async def test_objects_without_an_owner_are_deleted_eventually(database: Database, storage: Storage) -> None:
    await storage.delete(await storage.list_keys())
    old, new = "imports/old/source", "imports/new/source"
    for key in (old, new):
        await storage.put(key, b"x", content_type="text/csv")
    async with database.transaction() as session:
        session.add(PendingObject(key=new))
        session.add(PendingObject(key=old, created_at=utc_now() - MAX_PENDING_TIME - timedelta(minutes=1)))
    assert await purge_pending_objects(database, storage) is False
    assert await storage.list_keys() == [new]
    async with database.transaction() as session:
        assert (await session.scalars(select(PendingObject.key))).all() == [new]
