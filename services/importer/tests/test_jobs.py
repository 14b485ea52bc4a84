from collections.abc import Awaitable, Callable
from uuid import UUID

from importer.commands.claims import ReleaseClaims
from importer.jobs import jobs
from importer.models import ImportJob, UploadedFile
from shared.clock import utc_now
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from sqlalchemy import select

type Add = Callable[..., Awaitable[UUID]]


async def test_claims_released_twice_are_free(database: Database, add_import: Add, add_file: Add) -> None:
    async with database.transaction() as session:
        import_id = await add_import(session, state="cancelled")
        session_id = (await session.get_one(ImportJob, import_id)).session_id
        await add_file(session, session_id, "a.mp3", claimed_at=utc_now(), import_id=import_id)
    job = ReleaseClaims(import_id=import_id)
    outcomes = [await apply_once(database, job.queue(), job, jobs[ReleaseClaims]) for _ in range(2)]
    assert outcomes == ["applied", "repeated"]
    async with database.transaction() as session:
        assert (await session.scalars(select(UploadedFile.import_id))).all() == [None]
