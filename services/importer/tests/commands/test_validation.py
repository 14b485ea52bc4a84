import asyncio
import csv
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts.importer import ImportedRow, ImportFailed, ImportValidated
from importer.commands import validation
from importer.commands.imports import ValidateImport, apply_action
from importer.commands.objects import DeleteObjects, delete_objects
from importer.commands.validation import validate_import
from importer.domain.imports import MIN_TURN_PAUSE
from importer.domain.sentences import hash_sentence
from importer.models import CatalogueSentence, ImportJob, RowError, UploadedFile
from importer.queries.recordings import find_recordings as find_stored_recordings
from importer.table import read_rows as read_table_rows
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage, StorageUnavailable
from shared.messaging.outbox import OutboxEvent
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import Interval, func, select, type_coerce, update

type Add = Callable[..., Awaitable[UUID]]

HEADER = "audio_filename,text,level,tags"


@dataclass
class Imports:
    """Creates and validates imports on real servers."""

    database: Database
    storage: Storage
    add_import: Add
    add_file: Add
    outbox_jobs: OutboxJobs

    async def add(self, rows: Sequence[str], *, recordings: int = 0, **overrides: Any) -> UUID:
        """Add a queued import of these rows, and recordings `0.mp3`, `1.mp3` and so on."""
        key = f"imports/{uuid4()}/source"
        await self.storage.put(key, "\n".join([HEADER, *rows]).encode(), content_type="text/csv")
        async with self.database.transaction() as session:
            import_id = await self.add_import(session, source_key=key, **overrides)
            session_id = (await session.get_one(ImportJob, import_id)).session_id
            for number in range(recordings):
                await self.add_file(session, session_id, f"{number}.mp3", duration_ms=2_000)
        return import_id

    async def validate(self, import_id: UUID, *, max_rows: int = 10_000) -> ImportJob:
        await validate_import(self.database, self.storage, import_id, max_rows=max_rows)
        return await self.get(import_id)

    async def get(self, import_id: UUID) -> ImportJob:
        async with self.database.transaction() as session:
            return await session.get_one(ImportJob, import_id)

    async def list_claimed(self, import_id: UUID) -> list[str]:
        async with self.database.transaction() as session:
            names = select(UploadedFile.stored_filename).where(UploadedFile.import_id == import_id)
            return sorted(await session.scalars(names))

    async def read_report(self, job: ImportJob) -> list[list[str]]:
        content = await self.storage.read(job.report_key or "", max_bytes=1_000_000)
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))

    async def list_events(self, event: Any) -> list[Any]:
        async with self.database.transaction() as session:
            return await outbox_events(session, event)

    async def list_postponed(self) -> list[tuple[UUID, timedelta]]:
        """Return the imports whose jobs wait in the outbox, and for how long."""
        until_due = type_coerce(OutboxEvent.due_at - func.now(), Interval)
        waiting = select(OutboxEvent.body, until_due).where(OutboxEvent.type == ValidateImport.get_queue())
        async with self.database.transaction() as session:
            rows = (await session.execute(waiting)).all()
        return [(ValidateImport.model_validate_json(body).import_id, waits) for body, waits in rows]

    async def clean_up(self) -> None:
        """Delete the objects of ended imports."""
        async with self.database.transaction() as session:
            for job in await self.outbox_jobs(session, DeleteObjects):
                await delete_objects(self.storage, job)


@pytest.fixture
async def imports(
    committed_database: Database, storage: Storage, add_import: Add, add_file: Add, outbox_jobs: OutboxJobs
) -> AsyncIterator[Imports]:
    before = set(await storage.list_keys())
    yield Imports(committed_database, storage, add_import, add_file, outbox_jobs)
    await storage.delete(set(await storage.list_keys()) - before)


async def test_a_valid_table_becomes_a_batch(imports: Imports) -> None:
    import_id = await imports.add(["0.mp3,First one.,A1,", '1.mp3,Second.,B2,"a,b"'], recordings=2)
    job = await imports.validate(import_id)
    assert (job.state, job.rows_total, job.rows_checked, job.success_count) == ("applying", 2, 2, 2)
    assert (job.error_count, job.encoding, job.delimiter) == (0, "utf-8", ",")
    [event] = await imports.list_events(ImportValidated)
    content = await imports.storage.read(event.data.batch_key, max_bytes=10_000)
    assert hashlib.sha256(content).hexdigest() == event.data.batch_sha256
    rows = [ImportedRow.model_validate_json(line) for line in content.splitlines()]
    assert [(row.text, row.level, row.type, row.tags, row.duration_ms) for row in rows] == [
        ("First one.", "A1", "answer", [], 2_000),
        ("Second.", "B2", "answer", ["a", "b"], 2_000),
    ]
    assert event.data.rows == 2
    assert await imports.list_claimed(import_id) == ["0.mp3", "1.mp3"]


async def test_a_table_with_errors_is_rejected_with_a_report(imports: Imports) -> None:
    rows = ["0.mp3,First one.,A1,", "0.mp3,=Again.,Z9,", "9.mp3,Gone.,A1,"]
    import_id = await imports.add(rows, recordings=1)
    job = await imports.validate(import_id)
    assert (job.state, job.success_count, job.error_count) == ("rejected", 1, 3)
    assert await imports.read_report(job) == [
        [*HEADER.split(","), "error_codes", "errors"],
        ["0.mp3", "First one.", "A1", "", "", ""],
        ["0.mp3", "'=Again.", "Z9", "", "duplicate_filename; unknown_level",
         "Row 2 has the same recording: each sentence needs its own recording. "
         "The level must be A1, A2, B1, B2, C1 or C2."],
        ["9.mp3", "Gone.", "A1", "", "audio_missing",
         "No recording with this name was uploaded to the session."],
    ]  # fmt: skip
    async with imports.database.transaction() as session:
        errors = await session.execute(
            select(RowError.row, RowError.column, RowError.code, RowError.cells).order_by(RowError.id)
        )
        third = {"audio_filename": "0.mp3", "text": "=Again.", "level": "Z9", "tags": ""}
        fourth = {"audio_filename": "9.mp3", "text": "Gone.", "level": "A1", "tags": ""}
        assert [tuple(error) for error in errors] == [
            (3, "audio_filename", "duplicate_filename", third),
            (3, "level", "unknown_level", third),
            (4, "audio_filename", "audio_missing", fourth),
        ]
    assert len(await imports.list_events(ImportFailed)) == 1
    await imports.clean_up()
    assert [key for key in await imports.storage.list_keys() if str(import_id) in key] == [job.report_key]


async def test_a_dry_run_changes_nothing(imports: Imports) -> None:
    import_id = await imports.add(["0.mp3,First one.,A1,"], recordings=1, dry_run=True)
    job = await imports.validate(import_id)
    assert (job.state, job.success_count) == ("completed", 1)
    assert await imports.list_claimed(import_id) == []
    assert await imports.list_events(ImportValidated) == []
    assert not await imports.storage.has_object(job.batch_key or "")
    assert len(await imports.read_report(job)) == 2


async def test_an_unusable_table_fails_the_import(imports: Imports) -> None:
    import_id = await imports.add(["0.mp3,One.,A1,"] * 3, recordings=1)
    job = await imports.validate(import_id, max_rows=2)
    assert (job.state, job.failure_code, job.failure_row) == ("failed", "too_many_rows", 4)
    assert (job.failure_detail or "").startswith("A table can have at most 2 rows")
    missing_import = await imports.add([])
    await imports.storage.delete([(await imports.get(missing_import)).source_key])
    assert (await imports.validate(missing_import)).failure_code == "not_a_table"


async def test_repeated_sentences_are_warnings(imports: Imports) -> None:
    async with imports.database.transaction() as session:
        known_hash = hash_sentence("first one.")
        session.add(CatalogueSentence(speech_id=uuid4(), revision=1, sentence_hash=known_hash))
    import_id = await imports.add(["0.mp3,First  One.,A1,", "1.mp3,first one.,A1,"], recordings=2)
    job = await imports.validate(import_id)
    assert (job.state, job.error_count, job.warning_count) == ("applying", 0, 3)


async def test_every_problem_is_reported_but_not_all_are_stored(imports: Imports) -> None:
    import_id = await imports.add([f"{number}.mp3,Same.,A1," for number in range(2_500)])
    job = await imports.validate(import_id)
    assert (job.rows_checked, job.error_count, job.warning_count) == (2_500, 2_500, 2_499)
    async with imports.database.transaction() as session:
        assert len((await session.scalars(select(RowError.id))).all()) == 1_000
    report = await imports.read_report(job)
    assert all(row[-2] for row in report)
    assert len(report) == 2_501


async def test_a_repeated_validation_has_the_same_result(imports: Imports) -> None:
    import_id = await imports.add([f"{n}.mp3,Number {n}.,A1," for n in range(3)], recordings=3)
    async with imports.database.transaction() as session:
        # An earlier attempt ended after its first claim, before its batch was complete.
        stale = f"imports/{import_id}/batch-0.jsonl"
        await apply_action(session, import_id, "start", batch_key=stale)
        first = update(UploadedFile).where(UploadedFile.stored_filename == "0.mp3")
        await session.execute(first.values(claimed_at=utc_now(), import_id=import_id))
    await imports.storage.put(stale, b"half", content_type="application/jsonl")
    job = await imports.validate(import_id)
    assert job.state == "applying"
    assert await imports.list_claimed(import_id) == ["0.mp3", "1.mp3", "2.mp3"]
    assert not await imports.storage.has_object(stale)
    assert (await imports.validate(import_id)).batch_key == job.batch_key
    assert len(await imports.list_events(ImportValidated)) == 1


async def test_a_cancelled_import_stops_and_leaves_no_batch(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{n}.mp3,Number {n}.,A1," for n in range(1_500)]
    import_id = await imports.add(rows, recordings=1_500)
    checked = 0

    async def read_rows(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        nonlocal checked
        async for chunk in original(*arguments, **options):
            if checked:
                async with imports.database.transaction() as session:
                    await apply_action(session, import_id, "cancel")
            checked += len(chunk)
            yield chunk

    original = read_table_rows
    monkeypatch.setattr(validation, "read_rows", read_rows)
    job = await imports.validate(import_id)
    assert (job.state, job.rows_checked) == ("cancelled", 1_000)
    await imports.clean_up()
    assert [key for key in await imports.storage.list_keys() if str(import_id) in key] == []


async def test_a_recording_deleted_during_validation_fails_the_import(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await imports.add(["0.mp3,First one.,A1,"], recordings=1)
    original = find_stored_recordings

    async def find_recordings(*arguments: Any, **options: Any) -> Any:
        recordings = await original(*arguments, **options)
        async with imports.database.transaction() as session:
            await session.execute(update(UploadedFile).values(claimed_at=utc_now()))
        return recordings

    monkeypatch.setattr(validation, "find_recordings", find_recordings)
    job = await imports.validate(import_id)
    assert (job.state, job.failure_code) == ("failed", "audio_changed")


async def test_recordings_still_claimed_by_a_cancelled_import_are_free(imports: Imports) -> None:
    import_id = await imports.add(["0.mp3,Hello.,A1,"], recordings=1)
    async with imports.database.transaction() as session:
        session_id = (await session.get_one(ImportJob, import_id)).session_id
        cancelled = await imports.add_import(session, session_id=session_id, state="cancelled")
        await session.execute(update(UploadedFile).values(claimed_at=utc_now(), import_id=cancelled))
    assert (await imports.validate(import_id)).state == "applying"
    assert await imports.list_claimed(import_id) == ["0.mp3"]


async def test_an_internal_error_fails_the_import(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(validation, "inspect_table", fail)
    job = await imports.validate(await imports.add(["0.mp3,Hello.,A1,"], recordings=1))
    assert (job.state, job.failure_code, job.failure_detail) == (
        "failed",
        "not_checked",
        validation.INTERNAL_ERROR,
    )


async def test_a_validation_is_repeated_after_a_storage_outage(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await imports.add(["0.mp3,First one.,A1,"], recordings=1)

    async def put_stream(*_: Any, **__: Any) -> int:
        await asyncio.sleep(0)
        raise StorageUnavailable("The audio storage does not answer.")

    with monkeypatch.context() as context:
        context.setattr(imports.storage, "put_stream", put_stream)
        with pytest.raises(StorageUnavailable):
            await imports.validate(import_id)
    assert (await imports.get(import_id)).state == "validating"
    assert (await imports.validate(import_id)).state == "applying"


async def test_imports_of_one_editor_run_in_sequence_and_do_not_delay_others(imports: Imports) -> None:
    first = await imports.add(["0.mp3,First one.,A1,"], recordings=1)
    second = await imports.add(["0.mp3,Second one.,A1,"], recordings=1)
    foreign = await imports.add(["0.mp3,Third one.,A1,"], recordings=1, owner_id=uuid4())
    assert (await imports.validate(second)).state == "queued"
    [(import_id, waits)] = await imports.list_postponed()
    assert import_id == second
    assert waits > MIN_TURN_PAUSE / 2
    assert (await imports.validate(foreign)).state == "applying"
    assert (await imports.validate(first)).state == "applying"
    assert (await imports.validate(second)).state == "queued"
    async with imports.database.transaction() as session:
        await apply_action(session, first, "complete")
    assert (await imports.validate(second)).state == "applying"
