from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from importer.commands.claims import ReleaseClaims
from importer.commands.objects import DeleteObjects
from importer.jobs import create_jobs
from importer.models import ImportJob, UploadedFile
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.inbox import apply_once
from sqlalchemy import select

type Add = Callable[..., Awaitable[UUID]]


async def test_a_repeated_release_of_claims_is_ignored(
    database: Database, storage: Storage, add_import: Add, add_file: Add
) -> None:
    async with database.transaction() as session:
        import_id = await add_import(session, state="cancelled")
        session_id = (await session.get_one(ImportJob, import_id)).session_id
        await add_file(session, session_id, "a.mp3", claimed_at=utc_now(), import_id=import_id)
    job, handler = (
        ReleaseClaims(import_id=import_id),
        create_jobs(database, storage=storage, max_rows=100)[ReleaseClaims],
    )
    outcomes = [await apply_once(database, job.get_queue(), job, handler) for _ in range(2)]
    assert outcomes == ["applied", "repeated"]
    async with database.transaction() as session:
        assert (await session.scalars(select(UploadedFile.import_id))).all() == [None]


async def test_objects_are_deleted_even_if_some_are_missing(database: Database, storage: Storage) -> None:
    keys = [f"imports/{uuid4()}/source" for _ in range(3)]
    for key in keys[:2]:
        await storage.put(key, b"x", content_type="text/csv")
    job, handler = (
        DeleteObjects(keys=keys[1:]),
        create_jobs(database, storage=storage, max_rows=100)[DeleteObjects],
    )
    assert await apply_once(database, job.get_queue(), job, handler) == "applied"
    assert [await storage.has_object(key) for key in keys] == [True, False, False]
