import pytest
from importer.commands.objects import DeleteObjects, delete_objects
from importer.models import UploadedFile
from shared.data.db import Database
from shared.data.storage import Storage
from shared.testing import OutboxJobs
from sqlalchemy import select
from tests.uploading import Clean


@pytest.fixture
async def empty_bucket(storage: Storage) -> None:
    await storage.delete(await storage.list_keys())


@pytest.fixture
def clean(
    committed_database: Database, storage: Storage, empty_bucket: None, outbox_jobs: OutboxJobs
) -> Clean:
    """Runs the requested deletions like the worker, and checks that each object has its row."""

    async def check() -> None:
        async with committed_database.transaction() as session:
            for job in await outbox_jobs(session, DeleteObjects):
                await delete_objects(storage, job)
            rows = await session.scalars(select(UploadedFile.object_key))
            assert sorted(rows) == sorted(await storage.list_keys())
            assert not (
                await session.scalars(select(UploadedFile).where(UploadedFile.state != "stored"))
            ).all()

    return check
