"""Purges leave no row without an owner, and no object without a row."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from importer.commands import upload_sessions
from importer.commands.reports import purge_old_reports
from importer.commands.upload_sessions import (
    MAX_STORING_TIME,
    PURGE_DELAY,
    PurgeUploadSession,
    delete_upload_session,
    purge_abandoned_files,
    purge_expired_sessions,
)
from importer.errors import ImportInProgress
from importer.jobs import create_jobs
from importer.models import AuditEntry, ImportJob, RowError, UploadedFile, UploadSession
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.inbox import apply_once
from shared.messaging.outbox import OutboxEvent
from sqlalchemy import delete, select, update

type Add = Callable[..., Awaitable[UUID]]
type Work = Callable[[], Awaitable[None]]

LONG_AGO = timedelta(days=8)


@pytest.fixture(autouse=True)
async def empty_bucket(storage: Storage) -> None:
    await storage.delete(await storage.list_keys())


@pytest.fixture
def work(committed_database: Database, storage: Storage) -> Work:
    """Runs the jobs of the outbox like the worker, until there are none."""
    jobs = create_jobs(committed_database, storage=storage, max_rows=1000)
    by_queue = {job.get_queue(): (job, handler) for job, handler in jobs.items()}

    async def run_jobs() -> None:
        for _ in range(100):
            async with committed_database.transaction() as session:
                rows = (await session.scalars(select(OutboxEvent).order_by(OutboxEvent.id))).all()
                await session.execute(delete(OutboxEvent))
            for row in rows:
                job, handler = by_queue[row.type]
                body = job.model_validate_json(row.body)
                for _ in range(2):  # a repeated delivery changes nothing
                    await apply_once(committed_database, row.type, body, handler)
            if not rows:
                return

    return run_jobs


@pytest.fixture
def add_stored(
    committed_database: Database, storage: Storage, add_file: Add, add_session: Add
) -> Callable[..., Awaitable[UUID]]:
    """Adds a session with recordings and objects: `await add_stored(count, session={…}, **file_values)`."""

    async def add(count: int = 1, *, session: dict[str, Any] | None = None, **overrides: Any) -> UUID:
        async with committed_database.transaction() as database_session:
            session_id = await add_session(database_session, **(session or {}))
            for number in range(count):
                await add_file(database_session, session_id, f"{number}-{uuid4()}.mp3", **overrides)
            rows = select(UploadedFile.object_key).where(UploadedFile.session_id == session_id)
            keys = (await database_session.scalars(rows)).all()
        await asyncio.gather(*(storage.put(key, b"x", content_type="audio/mpeg") for key in keys))
        return session_id

    return add


async def list_keys(database: Database) -> list[str]:
    async with database.transaction() as session:
        return sorted(await session.scalars(select(UploadedFile.object_key)))


async def list_sessions(database: Database) -> set[UUID]:
    async with database.transaction() as session:
        return set(await session.scalars(select(UploadSession.id)))


async def test_an_expired_session_is_purged_with_its_files(
    committed_database: Database, storage: Storage, add_stored: Add, work: Work
) -> None:
    remaining = await add_stored(3)
    just_expired = await add_stored(1, session={"expires_at": utc_now() - PURGE_DELAY / 2})
    await add_stored(3, session={"expires_at": utc_now() - LONG_AGO})
    await add_stored(0, session={"expires_at": utc_now() - LONG_AGO})
    await purge_expired_sessions(committed_database)
    await work()
    assert await list_sessions(committed_database) == {remaining, just_expired}
    assert await storage.list_keys() == await list_keys(committed_database)
    assert len(await storage.list_keys()) == 4


async def test_a_large_session_is_purged_in_chunks(
    committed_database: Database,
    storage: Storage,
    add_stored: Add,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upload_sessions, "FILE_CHUNK_SIZE", 5)
    await add_stored(17, session={"expires_at": utc_now() - LONG_AGO})
    await purge_expired_sessions(committed_database)
    await work()
    assert (await list_sessions(committed_database), await storage.list_keys()) == (set(), [])


async def test_recordings_with_a_speech_lose_their_rows_and_keep_their_objects(
    committed_database: Database, storage: Storage, add_stored: Add, add_import: Add, work: Work
) -> None:
    claimed = {"claimed_at": utc_now()}
    session_id = await add_stored(2, session={"expires_at": utc_now() - LONG_AGO}, **claimed)
    imported = await add_stored(2, session={"expires_at": utc_now() - LONG_AGO}, **claimed)
    keys = await storage.list_keys()
    async with committed_database.transaction() as session:
        job_id = await add_import(session, session_id=imported, state="completed")
        of_import = UploadedFile.session_id == imported
        await session.execute(update(UploadedFile).where(of_import).values(import_id=job_id))
    await purge_expired_sessions(committed_database)
    await work()
    assert await storage.list_keys() == keys
    assert await list_keys(committed_database) == []
    # The import still refers to its session.
    assert await list_sessions(committed_database) == {imported}
    assert session_id != imported
    await purge_expired_sessions(committed_database)
    async with committed_database.transaction() as session:
        assert (await session.scalars(select(OutboxEvent))).all() == []


@pytest.mark.parametrize("state", ["queued", "validating", "applying"])
async def test_a_session_with_an_unfinished_import_is_not_purged(
    committed_database: Database, storage: Storage, add_stored: Add, add_import: Add, work: Work, state: str
) -> None:
    session_id = await add_stored(2, session={"expires_at": utc_now() - LONG_AGO})
    async with committed_database.transaction() as session:
        await add_import(session, session_id=session_id, state=state)
        # As if requested before the import started.
        session.add(
            OutboxEvent(
                id=uuid4(),
                type=PurgeUploadSession.get_queue(),
                body=PurgeUploadSession(session_id=session_id).model_dump_json().encode(),
            )
        )
    await purge_expired_sessions(committed_database)
    await work()
    assert len(await storage.list_keys()) == 2


@pytest.mark.parametrize("state", ["rejected", "failed", "cancelled"])
async def test_claims_of_an_import_without_speeches_are_released_before_they_are_purged(
    committed_database: Database, storage: Storage, add_stored: Add, add_import: Add, work: Work, state: str
) -> None:
    session_id = await add_stored(2, session={"expires_at": utc_now() - LONG_AGO}, claimed_at=utc_now())
    async with committed_database.transaction() as session:
        job_id = await add_import(session, session_id=session_id, state=state)
        await session.execute(update(UploadedFile).values(import_id=job_id))
    await purge_expired_sessions(committed_database)
    await work()
    assert await storage.list_keys() == await list_keys(committed_database) != []
    async with committed_database.transaction() as session:
        await session.execute(update(UploadedFile).values(import_id=None, claimed_at=None))
    await purge_expired_sessions(committed_database)
    await work()
    assert await storage.list_keys() == await list_keys(committed_database) == []


async def test_an_owner_deletes_a_session(
    committed_database: Database, storage: Storage, add_stored: Add, work: Work, editor_id: UUID
) -> None:
    session_id = await add_stored(3)
    await delete_upload_session(committed_database, session_id, owner_id=editor_id)
    await delete_upload_session(committed_database, session_id, owner_id=editor_id)
    await work()
    assert (await list_sessions(committed_database), await storage.list_keys()) == (set(), [])
    async with committed_database.transaction() as session:
        [entry] = await session.scalars(select(AuditEntry))
        assert (entry.action, entry.actor_id, entry.subject_id) == (
            "upload_session_deleted",
            editor_id,
            session_id,
        )


async def test_a_session_with_an_unfinished_import_is_not_deleted(
    committed_database: Database, add_stored: Add, add_import: Add, editor_id: UUID
) -> None:
    session_id = await add_stored(1)
    async with committed_database.transaction() as session:
        job_id = await add_import(session, session_id=session_id)
    with pytest.raises(ImportInProgress) as excinfo:
        await delete_upload_session(committed_database, session_id, owner_id=editor_id)
    assert excinfo.value.extra == {"job_id": str(job_id)}


async def test_abandoned_files_are_deleted_after_an_hour(
    committed_database: Database, storage: Storage, add_stored: Add, work: Work
) -> None:
    """The processes ended before, during and after storing the object."""
    old = utc_now() - MAX_STORING_TIME - timedelta(seconds=1)
    await add_stored(2, state="storing", created_at=old)
    unfinished = (await list_keys(committed_database))[0]
    recent = await add_stored(1, state="storing")
    await storage.delete([unfinished])
    client, bucket = storage._client, storage._bucket
    upload_id = await asyncio.to_thread(client._create_multipart_upload, bucket, unfinished, {})
    part = bytes(5 * 1024 * 1024)
    await asyncio.to_thread(client._upload_part, bucket, unfinished, part, None, upload_id, 1)
    assert not await purge_abandoned_files(committed_database, storage)
    await work()
    async with committed_database.transaction() as session:
        assert (await session.scalars(select(UploadedFile.session_id))).all() == [recent]
    assert await storage.list_keys() == await list_keys(committed_database)
    assert await storage._streams._run_in_thread(lambda: storage._streams._list_unfinished(unfinished)) == []


async def test_a_file_that_is_being_uploaded_is_not_purged(
    committed_database: Database, storage: Storage, add_stored: Add, work: Work, editor_id: UUID
) -> None:
    session_id = await add_stored(1, state="storing")
    await delete_upload_session(committed_database, session_id, owner_id=editor_id)
    await work()
    assert await list_sessions(committed_database) == {session_id}
    assert len(await storage.list_keys()) == 1


async def test_row_errors_and_reports_are_deleted_after_thirty_days(
    committed_database: Database, storage: Storage, add_import: Add, work: Work
) -> None:
    ended_ago = {"old": timedelta(days=31), "recent": timedelta(days=29)}
    async with committed_database.transaction() as session:
        for name, age in ended_ago.items():
            key = f"imports/{name}/report.csv"
            finished = {"finished_at": utc_now() - age, "report_key": key, "state": "rejected"}
            job_id = await add_import(session, **finished)
            problem = {
                "column": "level",
                "code": "unknown_level",
                "severity": "error",
                "message": "",
                "value": "",
            }
            session.add(RowError(job_id=job_id, row=2, **problem))
            await storage.put(key, b"x", content_type="text/csv")
    assert not await purge_old_reports(committed_database)
    await work()
    assert await storage.list_keys() == ["imports/recent/report.csv"]
    async with committed_database.transaction() as session:
        jobs = (await session.scalars(select(ImportJob.report_key).order_by(ImportJob.finished_at))).all()
        assert jobs == [None, "imports/recent/report.csv"]
        assert len((await session.scalars(select(RowError))).all()) == 1
    async with committed_database.transaction() as session:
        assert not (await session.scalars(select(OutboxEvent))).all()
