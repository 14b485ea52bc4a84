import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from content.batches import BatchTable
from content.batches import table as table_module
from content.catalogue import CatalogueRefresher
from content.commands.imports import (
    MAX_SMALL_IMPORT_ROWS,
    NEW_TAG_CATEGORY,
    ApplyImport,
    ApplySmallImport,
    apply_import,
)
from content.commands.tags import create_tag, create_tags
from content.consumers import subscriptions
from content.domain.draws import DrawFilter
from content.jobs import create_jobs
from content.models import (
    AuditEntry,
    CatalogueChange,
    OutboxEvent,
    Speech,
    SpeechTag,
    Tag,
)
from content.queries.draws import draw_speeches
from content.recent_plays import RecentPlays
from content.schemas.tags import TagCreate
from content.settings import ApiSettings
from contracts.content import ImportApplied, ImportRejected, SpeechImported
from contracts.importer import ImportValidated, ValidatedBatch
from pydantic import SecretStr
from shared.data.cache import Cache
from shared.data.db import Base, Database
from shared.data.storage import Storage, StorageUnavailable
from shared.messaging.inbox import apply_once
from shared.messaging.jobs import Effect, Jobs, RepeatedCrash
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import func, select, text
from uuid_utils.compat import uuid7

type NewBatch = Callable[..., Awaitable[ValidatedBatch]]
type NewRow = Callable[..., dict[str, Any]]


KNOWN_ROWS = text("SELECT relname, reltuples FROM pg_class WHERE relname IN ('speeches', 'speech_tags')")


async def count(database: Database, *tables: type[Base]) -> list[int]:
    async with database.transaction() as session:
        return [(await session.scalars(select(func.count()).select_from(table))).one() for table in tables]


async def get_tag_categories(database: Database) -> dict[str, str]:
    async with database.transaction() as session:
        return {tag.name: tag.category for tag in await session.scalars(select(Tag).order_by(Tag.name))}


async def test_an_import_creates_a_speech_for_each_row(
    committed_database: Database,
    storage: Storage,
    new_batch: NewBatch,
    new_row: NewRow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_module, "CHUNK_SIZE", 3)
    monkeypatch.setattr(table_module, "EVENT_SIZE", 4)
    rows = [new_row(text=f"Number {number}?", tags=["food", "a, b"][: number % 3]) for number in range(10)]
    batch = await new_batch(rows)
    await apply_import(committed_database, storage, batch)
    async with committed_database.transaction() as session:
        speeches = (await session.scalars(select(Speech).order_by(Speech.id))).all()
        changes = (await session.scalars(select(CatalogueChange.numbers))).all()
        events = [event.data for event in await outbox_events(session, SpeechImported)]
        [applied] = await outbox_events(session, ImportApplied)
        order = (await session.scalars(select(OutboxEvent.type).order_by(OutboxEvent.due_at))).all()
        [entry] = await session.scalars(select(AuditEntry).where(AuditEntry.action == "import_applied"))
        tags = {tag.id: tag.name for tag in await session.scalars(select(Tag))}
    stored = [
        (speech.text, speech.level, speech.type, speech.audio_key, speech.duration_ms, speech.revision)
        for speech in speeches
    ]
    assert stored == [(*(row[name] for name in COLUMNS), 1) for row in rows]
    assert {speech.import_id for speech in speeches} == {batch.import_id}
    assert [number for chunk in changes for number in chunk] == [speech.number for speech in speeches]
    assert [len(event.speeches) for event in events] == [4, 4, 2]
    assert order[-4:] == [*3 * ["parley.content.speech_imported.v1"], "parley.content.import_applied.v1"]
    assert {(event.import_id, event.speeches_total) for event in events} == {(batch.import_id, 10)}
    snapshots = [snapshot for event in events for snapshot in event.speeches]
    assert [snapshot.speech_id for snapshot in snapshots] == [speech.id for speech in speeches]
    assert [
        {**snapshot.model_dump(include={*COLUMNS}), "tags": {tags[tag.id] for tag in snapshot.tags}}
        for snapshot in snapshots
    ] == [{**row, "tags": set(row["tags"])} for row in rows]
    assert (applied.data.import_id, applied.data.speeches_total) == (batch.import_id, 10)
    assert (entry.action, entry.subject_id, entry.actor_id, entry.after) == (
        "import_applied",
        batch.import_id,
        batch.owner_id,
        {"speeches": 10},
    )


COLUMNS = ("text", "level", "type", "audio_key", "duration_ms")


async def test_imported_speeches_can_be_drawn(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    catalogue = CatalogueRefresher(committed_database)
    await catalogue.refresh()
    await apply_import(committed_database, storage, await new_batch([new_row(level="C1", tags=["food"])]))
    await catalogue.refresh()
    async with committed_database.transaction() as session:
        food_id = (await create_tags(session, {"food": "any"}, actor=None))["food"]
    draw_filter = DrawFilter(level="C1", tags=frozenset({food_id}))
    [drawn] = await draw_speeches(committed_database, catalogue.get_catalogue(), draw_filter, limit=5)
    assert [name for _, name in drawn.tags] == ["food"]


def create_handlers(database: Database, storage: Storage) -> Jobs:
    return create_jobs(database, cache=cast(Cache, None), storage=storage, plays=cast(RecentPlays, None))


async def test_an_import_is_applied_once(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    handle = create_handlers(committed_database, storage)[ApplyImport]
    batch = await new_batch([new_row(tags=["food"])])
    job, another = ApplyImport(batch=batch), ApplyImport(batch=batch)
    outcomes = [
        await apply_once(committed_database, job.get_queue(), message, handle)
        for message in (job, job, another)
    ]
    assert outcomes == ["applied", "repeated", "applied"]
    assert await count(committed_database, Speech, CatalogueChange) == [1, 1]
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, ImportApplied)) == 1


async def test_concurrent_deliveries_apply_an_import_once(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    batch = await new_batch([new_row(tags=["food"])])
    await asyncio.gather(*(apply_import(committed_database, storage, batch) for _ in range(3)))
    assert await count(committed_database, Speech) == [1]


async def test_large_and_small_imports_have_different_queues(
    database: Database, new_batch: NewBatch, new_row: NewRow, outbox_jobs: OutboxJobs
) -> None:
    small = await new_batch([new_row()], rows=MAX_SMALL_IMPORT_ROWS)
    large = await new_batch([new_row()], rows=MAX_SMALL_IMPORT_ROWS + 1)
    for batch in (small, large):
        event = ImportValidated(id=uuid7(), subject="any", time=datetime.now(UTC), data=batch)
        queue = ImportValidated.build_queue_name("content")
        outcomes = [
            await apply_once(database, queue, event, subscriptions[ImportValidated]) for _ in range(2)
        ]
        assert outcomes == ["applied", "repeated"]
    async with database.transaction() as session:
        assert [job.batch for job in await outbox_jobs(session, ApplySmallImport)] == [small]
        assert [job.batch for job in await outbox_jobs(session, ApplyImport)] == [large]


async def test_an_import_that_is_given_up_is_rejected_unless_it_was_applied(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    applied, deadly = [await new_batch([new_row()]) for _ in range(2)]
    await apply_import(committed_database, storage, applied)
    handle = create_handlers(committed_database, storage)[ApplySmallImport]
    assert isinstance(handle, Effect)
    assert handle.give_up is not None
    for batch in (applied, deadly):
        async with committed_database.transaction() as session:
            await handle.give_up(session, ApplySmallImport(batch=batch), RepeatedCrash())
    # A delivery that was lost in between changes nothing.
    await apply_import(committed_database, storage, deadly)
    async with committed_database.transaction() as session:
        [rejected] = await outbox_events(session, ImportRejected)
    assert (rejected.data.import_id, rejected.data.code) == (deadly.import_id, "not_applied")
    assert await count(committed_database, Speech) == [1]


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"batch_key": "imports/none/batch-1.jsonl"}, "batch_missing"),
        ({"batch_sha256": "0" * 64}, "batch_changed"),
        ({"rows": 3}, "batch_incomplete"),
    ],
)
async def test_a_batch_that_differs_from_the_announcement_is_rejected(
    committed_database: Database,
    storage: Storage,
    new_batch: NewBatch,
    new_row: NewRow,
    overrides: dict[str, Any],
    code: str,
) -> None:
    batch = await new_batch([new_row(tags=["food"]), new_row()], **overrides)
    for _ in range(2):
        await apply_import(committed_database, storage, batch)
    assert await count(committed_database, Speech, Tag, CatalogueChange, AuditEntry) == [0, 0, 0, 0]
    async with committed_database.transaction() as session:
        [rejected] = await outbox_events(session, ImportRejected)
        assert not await outbox_events(session, ImportApplied)
    assert (rejected.data.import_id, rejected.data.code) == (batch.import_id, code)
    assert rejected.data.detail.endswith("Import the table again.")


async def test_an_unreadable_row_rejects_the_whole_import(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    await apply_import(committed_database, storage, await new_batch([new_row(), new_row(level="Z9")]))
    async with committed_database.transaction() as session:
        [rejected] = await outbox_events(session, ImportRejected)
    assert (rejected.data.code, await count(committed_database, Speech)) == ("batch_unreadable", [0])
    assert "Line 2 " in rejected.data.detail


async def test_an_import_is_applied_once_the_storage_is_available(
    settings: ApiSettings,
    committed_database: Database,
    storage: Storage,
    new_batch: NewBatch,
    new_row: NewRow,
) -> None:
    batch = await new_batch([new_row()])
    unreachable = settings.model_copy(
        update={"s3_endpoint": "http://127.0.0.1:1", "s3_secret_key": SecretStr("any")}
    )
    with pytest.raises(StorageUnavailable):
        await apply_import(committed_database, Storage(unreachable), batch)
    assert await count(committed_database, Speech, OutboxEvent) == [0, 0]
    await apply_import(committed_database, storage, batch)
    assert await count(committed_database, Speech) == [1]


@pytest.mark.parametrize("step", ["add", "create_speeches", "attach_tags", "read_snapshots"])
async def test_a_failure_rolls_back_the_whole_import(
    committed_database: Database,
    storage: Storage,
    new_batch: NewBatch,
    new_row: NewRow,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    batch = await new_batch([new_row(tags=["food"])])

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as failing:
        failing.setattr(BatchTable, step, fail)
        with pytest.raises(RuntimeError):
            await apply_import(committed_database, storage, batch)
    assert await count(committed_database, Speech, SpeechTag, CatalogueChange) == [0, 0, 0]
    async with committed_database.transaction() as session:
        assert not await outbox_events(session, SpeechImported)
        assert not await outbox_events(session, ImportApplied)
    await apply_import(committed_database, storage, batch)
    assert await count(committed_database, Speech, SpeechTag, Tag) == [1, 1, 1]


async def test_an_import_matches_tags_in_any_case(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    async with committed_database.transaction() as session:
        await create_tag(session, TagCreate(name="Food", category="topic"), actor=None)
    batch = await new_batch([new_row(tags=["food", "FOOD", "Straße"]), new_row(tags=["STRASSE"])])
    await apply_import(committed_database, storage, batch)
    tags = await get_tag_categories(committed_database)
    # Of several spellings, the first in code point order becomes the name.
    assert tags == {"Food": "topic", "STRASSE": NEW_TAG_CATEGORY}
    async with committed_database.transaction() as session:
        [event] = await outbox_events(session, SpeechImported)
    assert [[tag.name for tag in snapshot.tags] for snapshot in event.data.speeches] == [
        ["Food", "STRASSE"],
        ["STRASSE"],
    ]


async def test_parallel_imports_create_a_tag_once(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    names = [f"tag {number}" for number in range(40)]
    cases = (str.lower, str.upper, str.title)
    batches = [
        await new_batch([new_row(tags=[case(name)]) for name in names[:: 1 if turn % 2 else -1]])
        for turn, case in enumerate(cases)
    ]
    await asyncio.gather(*(apply_import(committed_database, storage, batch) for batch in batches))
    assert await count(committed_database, Speech, SpeechTag, Tag) == [120, 120, 40]


async def test_tables_that_have_grown_much_are_analysed(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    async def get_known_rows() -> dict[str, int]:
        async with committed_database.transaction() as session:
            statistics = await session.execute(KNOWN_ROWS)
        return {name: rows for name, rows in statistics}

    for size in (20, 1):
        batch = await new_batch(
            [new_row(text=f"Row {number} of {size}.", tags=["a", "b"]) for number in range(size)]
        )
        await apply_import(committed_database, storage, batch)
        assert await get_known_rows() == {"speeches": 20, "speech_tags": 40}
    assert await count(committed_database, Speech) == [21]


async def test_rows_without_tags_create_no_tags(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    await apply_import(committed_database, storage, await new_batch([new_row(), new_row()]))
    assert await count(committed_database, Speech, SpeechTag, Tag) == [2, 0, 0]


async def test_an_import_creates_thousands_of_tags(
    committed_database: Database, storage: Storage, new_batch: NewBatch, new_row: NewRow
) -> None:
    rows = [new_row(tags=[f"tag {number}", f"other {number}"]) for number in range(1500)]
    await apply_import(committed_database, storage, await new_batch(rows))
    assert await count(committed_database, Speech, SpeechTag, Tag) == [1500, 3000, 3000]
