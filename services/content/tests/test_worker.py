"""An import is applied and undone by a real worker, with real broker, database and storage."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from content.commands import imports
from content.commands.imports import ApplyImport
from content.commands.tags import create_tag
from content.jobs import MAX_LARGE_IMPORTS
from content.models import AuditEntry, OutboxEvent, Speech, Tag
from content.schemas.tags import TagCreate
from content.settings import ApiSettings, WorkerSettings
from content.worker import create_worker
from contracts import Event
from contracts.importer import ImportRef, ImportUndoRequested, ImportValidated, ValidatedBatch
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.broker import declare_topology, open_channel
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

type NewBatch = Callable[..., Awaitable[ValidatedBatch]]
type NewRow = Callable[..., dict[str, Any]]
type Publish = Callable[[Event], Awaitable[None]]


@pytest.fixture
async def broker(base_settings: dict[str, Any]) -> AsyncIterator[AbstractChannel]:
    url = base_settings["rabbitmq_url"].get_secret_value()
    await declare_topology(url, base_settings["queue_type"])
    async with open_channel(url) as channel:
        yield channel


@pytest.fixture
async def publish(
    settings: ApiSettings,
    base_settings: dict[str, Any],
    committed_database: Database,
    broker: AbstractChannel,
) -> AsyncIterator[Publish]:
    """Publishes an event to the worker, which runs during the test: `await publish(event)`."""
    overrides = {"database_url": settings.database_url, "s3_bucket": settings.s3_bucket}
    worker = create_worker(WorkerSettings.model_validate({**base_settings, **overrides}))
    async with worker.router.lifespan_context(worker):

        async def send(event: Event) -> None:
            message = aio_pika.Message(event.model_dump_json().encode(), message_id=str(event.id))
            await broker.default_exchange.publish(message, event.build_queue_name("content"))

        yield send


async def wait_for_entry(database: Database, action: str, import_id: UUID) -> AuditEntry:
    statement = select(AuditEntry).where(AuditEntry.action == action, AuditEntry.subject_id == import_id)
    async with asyncio.timeout(30):
        while True:
            async with database.transaction() as session:
                if (entry := await session.scalar(statement)) is not None:
                    return entry
            await asyncio.sleep(0.05)


async def count_left(database: Database, storage: Storage, rows: list[dict[str, Any]]) -> int:
    """Count the remaining recordings, speeches and messages in the outbox."""
    recordings = [await storage.has_object(row["audio_key"]) for row in rows]
    async with database.transaction() as session:
        tables = (select(func.count(table.id)) for table in (Speech, OutboxEvent))
        return sum(recordings) + sum([await session.scalar(count) or 0 for count in tables])


async def test_an_import_is_applied_and_undone(
    committed_database: Database,
    storage: Storage,
    publish: Publish,
    new_batch: NewBatch,
    new_row: NewRow,
    mp3: bytes,
) -> None:
    rows = [new_row(tags=["food"]), new_row()]
    for row in rows:
        await storage.put(row["audio_key"], mp3, content_type="audio/mpeg")
    batch = await new_batch(rows)
    defaults: dict[str, Any] = {"subject": "any", "time": datetime.now(UTC)}
    await publish(ImportValidated(id=uuid7(), data=batch, **defaults))
    await wait_for_entry(committed_database, "import_applied", batch.import_id)
    ref = ImportRef(import_id=batch.import_id, owner_id=batch.owner_id)
    await publish(ImportUndoRequested(id=uuid7(), data=ref, **defaults))
    entry = await wait_for_entry(committed_database, "import_undone", batch.import_id)
    assert (entry.actor_id, entry.after) == (batch.owner_id, {"deleted": 2, "archived": 0})
    async with asyncio.timeout(30):
        while await count_left(committed_database, storage, rows):  # noqa: ASYNC110 - in three servers
            await asyncio.sleep(0.05)


async def test_a_small_import_does_not_wait_for_large_ones(
    committed_database: Database,
    publish: Publish,
    broker: AbstractChannel,
    new_batch: NewBatch,
    new_row: NewRow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imports, "MAX_SMALL_IMPORT_ROWS", 1)
    defaults: dict[str, Any] = {"subject": "any", "time": datetime.now(UTC)}
    async with committed_database.transaction() as session:
        tag_id = (await create_tag(session, TagCreate(name="food", category="topic"), actor=None)).id
    large = [await new_batch([new_row(tags=["food"]), new_row()]) for _ in range(MAX_LARGE_IMPORTS + 3)]
    small = await new_batch([new_row()])
    async with committed_database.transaction() as session:
        # The large imports need this tag.
        await session.get(Tag, tag_id, with_for_update=True)
        for batch in (*large, small):
            await publish(ImportValidated(id=uuid7(), data=batch, **defaults))
        await wait_for_entry(committed_database, "import_applied", small.import_id)
        async with committed_database.transaction() as another:
            assert await another.scalar(select(func.count(Speech.id))) == 1
        # Those that wait are not delivered: RabbitMQ limits the time of a delivery.
        queue = await broker.declare_queue(ApplyImport.get_queue(), passive=True)
        assert queue.declaration_result.message_count == 3
    for batch in large:
        await wait_for_entry(committed_database, "import_applied", batch.import_id)
