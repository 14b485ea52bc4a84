"""Concurrent work during an import, and its clean-up after a failure."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from content.batches import BatchTable
from content.commands.imports import apply_import
from content.commands.tags import PropagateTagName, create_tag, delete_tag, update_tag
from content.errors import TagExists
from content.models import (
    RunningImport,
    Speech,
    SpeechTag,
    Tag,
)
from content.schemas.tags import TagCreate, TagUpdate
from contracts.content import SpeechImported
from contracts.importer import ValidatedBatch
from shared.data.db import Database
from shared.data.storage import Storage
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import select
from tests.commands.test_imports import count
from uuid_utils.compat import uuid7

type NewBatch = Callable[..., Awaitable[ValidatedBatch]]
type NewRow = Callable[..., dict[str, Any]]


type Pause = Callable[[], Any]


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> Pause:
    """Pauses a running import before its commit: `async with paused():`."""

    @asynccontextmanager
    async def pause() -> AsyncIterator[None]:
        is_paused, resume = asyncio.Event(), asyncio.Event()
        real = BatchTable.read_snapshots

        async def read_snapshots(table: BatchTable, *arguments: Any) -> AsyncIterator[Any]:
            async for snapshots in real(table, *arguments):
                yield snapshots
            is_paused.set()
            await resume.wait()

        monkeypatch.setattr(BatchTable, "read_snapshots", read_snapshots)
        await is_paused.wait()
        try:
            yield
        finally:
            resume.set()

    return pause


@asynccontextmanager
async def run_import(database: Database, storage: Storage, batch: ValidatedBatch) -> AsyncIterator[None]:
    task = asyncio.create_task(apply_import(database, storage, batch))
    yield
    await task


async def test_editors_do_not_wait_for_an_import(
    committed_database: Database,
    storage: Storage,
    new_batch: NewBatch,
    new_row: NewRow,
    paused: Pause,
    outbox_jobs: OutboxJobs,
) -> None:
    batch = await new_batch([new_row(tags=["new", "known"])])
    async with committed_database.transaction() as session:
        tag_id = (await create_tag(session, TagCreate(name="known", category="topic"), actor=None)).id
    async with run_import(committed_database, storage, batch), paused(), asyncio.timeout(5):
        with pytest.raises(TagExists):
            async with committed_database.transaction() as session:
                await create_tag(session, TagCreate(name="NEW", category="topic"), actor=None)
        async with committed_database.transaction() as session:
            await update_tag(session, tag_id, TagUpdate(name="renamed"), actor=None)
    async with committed_database.transaction() as session:
        [event] = await outbox_events(session, SpeechImported)
        _, after = await outbox_jobs(session, PropagateTagName)
        stored_at = await session.scalar(select(Speech.updated_at))
    # The rename did not see the uncommitted speech, so the import enqueued another one.
    assert [tag.name for tag in event.data.speeches[0].tags] == ["known", "new"]
    assert (after.tag_id, after.locked_at > stored_at) == (tag_id, True)


async def test_the_ids_of_a_running_import_are_recorded(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow, paused: Pause
) -> None:
    batch = await new_batch([new_row(), new_row()])
    async with committed_database.transaction() as session:
        # As left by an attempt that was killed.
        session.add(RunningImport(import_id=batch.import_id, first_id=uuid7(), last_id=uuid7()))
    another = committed_database.transaction
    async with run_import(committed_database, storage, batch), paused(), another() as session:
        [running] = await session.scalars(select(RunningImport))
    async with committed_database.transaction() as session:
        ids = sorted(await session.scalars(select(Speech.id)))
    assert running.first_id <= ids[0] < ids[1] <= running.last_id
    assert await count(committed_database, RunningImport) == [0]


async def test_an_import_does_not_wait_for_another_one(
    committed_database: Database,
    storage: Storage,
    new_batch: NewBatch,
    new_row: NewRow,
    paused: Pause,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = [await new_batch([new_row(tags=["food", "travel"])]) for _ in range(2)]
    async with run_import(committed_database, storage, first), paused():
        monkeypatch.undo()
        # Both analyse the tables, which only one transaction can do at a time.
        await asyncio.wait_for(apply_import(committed_database, storage, second), 10)
        assert await count(committed_database, Speech) == [1]
    assert await count(committed_database, Speech) == [2]


async def test_a_rejected_import_leaves_no_recorded_ids(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    batch = await new_batch([new_row()], batch_sha256="0" * 64)
    async with committed_database.transaction() as session:
        session.add(RunningImport(import_id=batch.import_id, first_id=uuid7(), last_id=uuid7()))
    await apply_import(committed_database, storage, batch)
    assert await count(committed_database, RunningImport) == [0]


async def test_a_tag_deleted_during_an_import_is_created_again(
    committed_database: Database,
    storage: Storage,
    new_batch: NewBatch,
    new_row: NewRow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = BatchTable.create_speeches
    deleted: list[UUID] = []

    async def create_speeches(table: BatchTable, import_id: UUID) -> None:
        await real(table, import_id)
        if not deleted:
            async with committed_database.transaction() as session:
                deleted.append((await session.scalars(select(Tag.id))).one())
                await delete_tag(session, deleted[0], actor=None)

    monkeypatch.setattr(BatchTable, "create_speeches", create_speeches)
    await apply_import(committed_database, storage, await new_batch([new_row(tags=["food"])]))
    assert len(deleted) == 1
    assert await count(committed_database, Speech, SpeechTag, Tag) == [1, 1, 1]
