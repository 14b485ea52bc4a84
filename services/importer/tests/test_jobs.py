from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from importer.commands.claims import ReleaseClaims
from importer.commands.imports import CRASHED, TOO_LONG, ValidateImport
from importer.commands.objects import DeleteObjects
from importer.jobs import create_jobs
from importer.models import ImportJob, UploadedFile
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.inbox import apply_once
from shared.messaging.jobs import Effect, GivenUp, RepeatedCrash, WorkTooLong
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


@pytest.mark.parametrize(
    ("state", "error", "after"),
    [
        ("queued", RepeatedCrash(), ("failed", "not_checked", CRASHED)),
        ("validating", WorkTooLong(), ("failed", "not_checked", TOO_LONG)),
        ("applying", RepeatedCrash(), ("applying", None, None)),
    ],
)
async def test_an_import_whose_validation_is_given_up_fails(
    database: Database, storage: Storage, add_import: Add, state: str, error: GivenUp, after: tuple[str, ...]
) -> None:
    async with database.transaction() as session:
        import_id = await add_import(session, state=state)
    handler = create_jobs(database, storage=storage, max_rows=100)[ValidateImport]
    assert isinstance(handler, Effect)
    assert handler.give_up is not None
    async with database.transaction() as session:
        await handler.give_up(session, ValidateImport(import_id=import_id), error)
    async with database.transaction() as session:
        job = await session.get_one(ImportJob, import_id)
        assert (job.state, job.failure_code, job.failure_detail) == after


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
