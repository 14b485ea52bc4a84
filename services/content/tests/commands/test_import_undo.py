import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from content.catalogue import CatalogueRefresher
from content.commands import import_undo as module
from content.commands.import_undo import UndoImport
from content.commands.imports import apply_import
from content.commands.recordings import DeleteRecordings
from content.commands.speeches import apply_speech_change, delete_speech
from content.consumers import on_session_completed, subscriptions
from content.domain.draws import DrawFilter
from content.domain.speeches import SpeechChange
from content.jobs import create_jobs
from content.models import AuditEntry, OutboxEvent, Speech, SpeechStatistics
from content.recent_plays import RecentPlays
from contracts.content import ImportUndone, SpeechDeleted, SpeechUpdated
from contracts.game import CompletedSession, SessionCompleted
from contracts.importer import ImportRef, ImportUndoRequested, ValidatedBatch
from shared.data.cache import Cache
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging import outbox
from shared.messaging.inbox import apply_once
from shared.messaging.jobs import Job
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import delete, func, select
from uuid_utils.compat import uuid7

type Add = Callable[..., Awaitable[UUID]]
type Import = Callable[..., Awaitable[ValidatedBatch]]
type NewBatch = Callable[..., Awaitable[ValidatedBatch]]
type NewRow = Callable[..., dict[str, Any]]
type Run = Callable[..., Awaitable[int]]
type Undo = Callable[..., Coroutine[Any, Any, None]]

QUEUE = SessionCompleted.build_queue_name("content")


def create_session(*speech_ids: UUID) -> SessionCompleted:
    results = [
        {"speech_id": speech_id, "user_response": "correct", "response_time_ms": 1}
        for speech_id in speech_ids
    ]
    defaults = {
        "mode": "listen_only",
        "level": "A1",
        "duration_seconds": 9,
        "completed_at": datetime.now(UTC),
    }
    data = CompletedSession.model_validate(
        {"session_id": uuid4(), "user_id": uuid4(), "results": results, **defaults}
    )
    return SessionCompleted(id=uuid7(), subject="s", time=datetime.now(UTC), data=data)


async def play(database: Database, *speech_ids: UUID) -> str:
    return await apply_once(database, QUEUE, create_session(*speech_ids), on_session_completed)


async def list_ids(database: Database, import_id: UUID) -> list[UUID]:
    async with database.transaction() as session:
        statement = select(Speech.id).where(Speech.import_id == import_id).order_by(Speech.id)
        return list(await session.scalars(statement))


@pytest.fixture(autouse=True)
async def empty_folder(storage: Storage) -> None:
    """Delete recordings of other tests."""
    await storage.delete(await storage.list_keys("speeches/"))


@pytest.fixture
def imported(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow, mp3: bytes
) -> Import:
    """Imports speeches with recordings: `await imported(3)`."""

    async def make(size: int) -> ValidatedBatch:
        batch = await new_batch([row := new_row(tags=["food"]), *(new_row() for _ in range(size - 1))])
        await apply_import(committed_database, storage, batch)
        async with committed_database.transaction() as session:
            keys = list(await session.scalars(select(Speech.audio_key)))
        assert row["audio_key"] in keys
        for key in keys:
            await storage.put(key, mp3, content_type="audio/mpeg")
        return batch

    return make


@pytest.fixture
def run(committed_database: Database, storage: Storage, outbox_jobs: OutboxJobs) -> Run:
    """Delivers all jobs of a kind from the outbox, each twice: `await run(UndoImport)`."""
    jobs = create_jobs(
        committed_database, cache=cast(Cache, None), storage=storage, plays=cast(RecentPlays, None)
    )

    async def deliver(kind: type[Job]) -> int:
        job_count = 0
        while True:
            async with committed_database.transaction() as session:
                waiting = await outbox_jobs(session, kind)
            if len(waiting) == job_count:
                return job_count
            for job in waiting[job_count:]:
                outcomes = [
                    await apply_once(committed_database, kind.get_queue(), job, jobs[kind]) for _ in range(2)
                ]
                assert outcomes[1] == "repeated"
            job_count = len(waiting)

    return deliver


@pytest.fixture
def undo(committed_database: Database, storage: Storage, run: Run) -> Undo:
    """Undoes an import completely: `await undo(import_id)`."""
    handle = subscriptions[ImportUndoRequested]

    async def request(import_id: UUID) -> None:
        data = ImportRef(import_id=import_id, owner_id=uuid4())
        event = ImportUndoRequested(id=uuid7(), subject="s", time=datetime.now(UTC), data=data)
        queue = ImportUndoRequested.build_queue_name("content")
        assert await apply_once(committed_database, queue, event, handle) == "applied"
        assert await apply_once(committed_database, queue, event, handle) == "repeated"
        await run(UndoImport)

    return request


async def test_other_messages_are_published_before_those_of_an_undo(
    committed_database: Database, imported: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 3)
    monkeypatch.setattr(outbox, "BULK_INTERVAL", timedelta(hours=1))
    batch = await imported(3)
    async with committed_database.transaction() as session:
        await session.execute(delete(OutboxEvent))
        await module.undo_import(session, UndoImport(import_id=batch.import_id, owner_id=uuid4()))
    other = UndoImport(import_id=uuid4(), owner_id=uuid4())
    async with committed_database.transaction() as session:
        outbox.enqueue(session, other)
    async with committed_database.transaction() as session:
        due = (await session.scalars(select(OutboxEvent).order_by(OutboxEvent.due_at))).all()
    assert due[0].id == other.id
    # The next chunk follows after all events of this one.
    assert due[-1].type == UndoImport.get_queue()
    assert sum(message.type == SpeechDeleted.get_routing_key() for message in due) == 3


async def list_undone(database: Database) -> list[tuple[UUID, int, int]]:
    async with database.transaction() as session:
        events = [event.data for event in await outbox_events(session, ImportUndone)]
    return [(event.import_id, event.deleted, event.archived) for event in events]


async def test_undo_deletes_unplayed_speeches_with_their_recordings(
    committed_database: Database,
    storage: Storage,
    imported: Import,
    undo: Undo,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    remaining, batch = await imported(2), await imported(5)
    ids = await list_ids(committed_database, batch.import_id)
    await undo(batch.import_id)
    assert await list_ids(committed_database, batch.import_id) == []
    assert await list_undone(committed_database) == [(batch.import_id, 5, 0)]
    assert await run(DeleteRecordings) == 3
    async with committed_database.transaction() as session:
        deleted = [event.data for event in await outbox_events(session, SpeechDeleted)]
        keys = set(await session.scalars(select(Speech.audio_key)))
        [entry] = await session.scalars(select(AuditEntry).where(AuditEntry.action == "import_undone"))
    assert [(speech.speech_id, speech.revision) for speech in deleted] == [
        (speech_id, 2) for speech_id in ids
    ]
    assert set(await storage.list_keys("speeches/")) == keys
    assert len(await list_ids(committed_database, remaining.import_id)) == 2
    assert (entry.subject_id, entry.after) == (batch.import_id, {"deleted": 5, "archived": 0})


async def test_undo_archives_played_speeches(
    committed_database: Database,
    storage: Storage,
    imported: Import,
    undo: Undo,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    batch = await imported(4)
    first, _, third, _ = await list_ids(committed_database, batch.import_id)
    await play(committed_database, first, third)
    catalogue = CatalogueRefresher(committed_database)
    await catalogue.refresh()
    await undo(batch.import_id)
    await run(DeleteRecordings)
    await catalogue.refresh()
    assert len(catalogue.get_catalogue().match(DrawFilter(level="A1"))) == 0
    assert await list_ids(committed_database, batch.import_id) == [first, third]
    assert await list_undone(committed_database) == [(batch.import_id, 2, 2)]
    async with committed_database.transaction() as session:
        archived = (await session.scalars(select(Speech).order_by(Speech.id))).all()
        events = [event.data for event in await outbox_events(session, SpeechUpdated)]
        plays = (await session.scalars(select(func.sum(SpeechStatistics.plays)))).one()
    assert all(speech.archived_at is not None and speech.revision == 2 for speech in archived)
    assert [(event.speech_id, event.revision) for event in events] == [(first, 2), (third, 2)]
    assert [tag.name for tag in events[0].tags] == ["food"]
    assert all([await storage.has_object(speech.audio_key) for speech in archived])
    assert plays == 2


async def test_undoing_an_import_again_changes_nothing(
    committed_database: Database, imported: Import, undo: Undo
) -> None:
    batch = await imported(2)
    for _ in range(2):
        await undo(batch.import_id)
    assert await list_undone(committed_database) == [(batch.import_id, 2, 0)]


async def test_undoing_an_unknown_import_changes_nothing(committed_database: Database, undo: Undo) -> None:
    unknown = uuid4()
    await undo(unknown)
    assert await list_undone(committed_database) == [(unknown, 0, 0)]


async def test_undo_does_not_count_speeches_that_editors_deleted(
    committed_database: Database, imported: Import, undo: Undo
) -> None:
    batch = await imported(3)
    async with committed_database.transaction() as session:
        await delete_speech(session, (await list_ids(committed_database, batch.import_id))[1], actor=None)
    await undo(batch.import_id)
    assert await list_undone(committed_database) == [(batch.import_id, 2, 0)]


async def test_undo_keeps_a_recording_that_another_speech_uses(
    committed_database: Database, storage: Storage, imported: Import, undo: Undo, run: Run, add: Add
) -> None:
    batch = await imported(1)
    async with committed_database.transaction() as session:
        key = (await session.scalars(select(Speech.audio_key))).one()
        await add(session, audio_key=key)
    await undo(batch.import_id)
    await run(DeleteRecordings)
    assert await storage.has_object(key)


async def edit_recording(database: Database, speech_id: UUID, key: str) -> None:
    async with database.transaction() as session:
        await apply_speech_change(session, speech_id, SpeechChange(audio_key=key), actor=uuid4())


async def test_undo_keeps_a_recording_that_other_speeches_used_earlier(
    committed_database: Database, storage: Storage, imported: Import, undo: Undo, run: Run, add: Add
) -> None:
    batch = await imported(2)
    async with committed_database.transaction() as session:
        keys = list(await session.scalars(select(Speech.audio_key).order_by(Speech.id)))
        edited, deleted = [await add(session, audio_key=key) for key in keys]
    await edit_recording(committed_database, edited, "seed/other.mp3")
    async with committed_database.transaction() as session:
        await delete_speech(session, deleted, actor=uuid4())
    await undo(batch.import_id)
    await run(DeleteRecordings)
    # Past sessions with the two other speeches still show these recordings.
    assert all([await storage.has_object(key) for key in keys])


async def test_undo_deletes_both_a_recording_and_its_replacement(
    committed_database: Database, storage: Storage, imported: Import, undo: Undo, run: Run, mp3: bytes
) -> None:
    batch = await imported(1)
    [speech_id] = await list_ids(committed_database, batch.import_id)
    await storage.put("speeches/better.mp3", mp3, content_type="audio/mpeg")
    await edit_recording(committed_database, speech_id, "speeches/better.mp3")
    await undo(batch.import_id)
    await run(DeleteRecordings)
    assert await storage.list_keys("speeches/") == []


async def test_undo_waits_for_a_session_that_is_being_counted(
    committed_database: Database, imported: Import, undo: Undo
) -> None:
    batch = await imported(2)
    first, second = await list_ids(committed_database, batch.import_id)
    event = create_session(first)
    async with committed_database.transaction() as counting:
        await on_session_completed(counting, event)
        undoing = asyncio.create_task(undo(batch.import_id))
        done, _ = await asyncio.wait({undoing}, timeout=0.3)
        assert not done
    await undoing
    assert await list_ids(committed_database, batch.import_id) == [first]
    assert await list_undone(committed_database) == [(batch.import_id, 1, 1)]
    # The session of a deleted speech may arrive after the deletion.
    assert await play(committed_database, first, second) == "applied"
