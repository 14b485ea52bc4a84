from collections.abc import Awaitable, Callable
from itertools import permutations
from uuid import UUID

import pytest
from contracts import Event
from contracts.content import (
    AppliedImport,
    ImportApplied,
    ImportedSpeeches,
    ImportRejected,
    ImportUndone,
    RefusedImport,
    SpeechCreated,
    SpeechDeleted,
    SpeechImported,
    SpeechRef,
    SpeechSnapshot,
    SpeechUpdated,
    UndoneImport,
)
from contracts.importer import ImportCompleted, ImportFailed
from importer.consumers import subscriptions
from importer.domain.sentences import hash_sentence
from importer.models import CatalogueSentence, ImportJob, UploadedFile
from pydantic import BaseModel
from shared.clock import utc_now
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from shared.testing import outbox_events
from sqlalchemy import select
from uuid_utils.compat import uuid7

type AddImport = Callable[..., Awaitable[UUID]]


def create_applied(import_id: UUID) -> ImportApplied:
    data = AppliedImport(import_id=import_id, speeches_total=3)
    return ImportApplied(id=uuid7(), subject="s", time=utc_now(), data=data)


def create_refused(import_id: UUID) -> ImportRejected:
    data = RefusedImport(import_id=import_id, code="batch_missing", detail="The batch is missing.")
    return ImportRejected(id=uuid7(), subject="s", time=utc_now(), data=data)


def create_undone(import_id: UUID) -> ImportUndone:
    data = UndoneImport(import_id=import_id, deleted=2, archived=1)
    return ImportUndone(id=uuid7(), subject="s", time=utc_now(), data=data)


async def deliver(database: Database, event: Event) -> None:
    await apply_once(database, event.build_queue_name("importer"), event, subscriptions[type(event)])


async def get_job(database: Database, job_id: UUID) -> ImportJob:
    async with database.transaction() as session:
        return await session.get_one(ImportJob, job_id)


@pytest.fixture
async def job_id(database: Database, add_import: AddImport) -> UUID:
    async with database.transaction() as session:
        return await add_import(session, state="applying", success_count=1)


async def test_an_applied_import_is_completed_once(database: Database, job_id: UUID) -> None:
    # A redelivery has the same id; an outcome that is published again has another one.
    first = create_applied(job_id)
    for event in (first, first, create_applied(job_id)):
        await deliver(database, event)
    job = await get_job(database, job_id)
    assert (job.state, job.version, job.success_count) == ("completed", 2, 3)
    assert job.finished_at is not None
    async with database.transaction() as session:
        [completed] = await outbox_events(session, ImportCompleted)
    assert completed.data.speeches_total == 3


async def test_a_refused_import_fails_with_the_reason(database: Database, job_id: UUID) -> None:
    for _ in range(2):
        await deliver(database, create_refused(job_id))
    job = await get_job(database, job_id)
    assert (job.state, job.failure_code, job.failure_detail) == (
        "failed",
        "batch_missing",
        "The batch is missing.",
    )
    async with database.transaction() as session:
        [event] = await outbox_events(session, ImportFailed)
    assert event.data.code == "batch_missing"


@pytest.mark.parametrize("outcomes", [(create_applied, create_refused), (create_refused, create_applied)])
async def test_the_first_outcome_counts(
    database: Database, job_id: UUID, outcomes: tuple[Callable[[UUID], Event], ...]
) -> None:
    first, second = outcomes
    await deliver(database, first(job_id))
    state = (await get_job(database, job_id)).state
    await deliver(database, second(job_id))
    assert (await get_job(database, job_id)).state == state


async def test_an_undone_import_counts_deleted_and_archived_speeches(
    database: Database, add_import: AddImport
) -> None:
    async with database.transaction() as session:
        job_id = await add_import(session, state="undoing")
    event = create_undone(job_id)
    for _ in range(2):
        await deliver(database, event)
    # Late and out of order.
    await deliver(database, create_applied(job_id))
    job = await get_job(database, job_id)
    assert (job.state, job.deleted_count, job.archived_count, job.version) == ("undone", 2, 1, 2)


async def test_an_outcome_of_an_unknown_import_is_ignored(database: Database) -> None:
    for event in (create_applied(uuid7()), create_refused(uuid7()), create_undone(uuid7())):
        await deliver(database, event)


def create_snapshot(
    speech_id: UUID, text: str, *, revision: int = 1, audio_key: str = "seed/a.mp3"
) -> SpeechSnapshot:
    defaults = {"level": "A1", "type": "answer", "tags": [], "duration_ms": 900}
    return SpeechSnapshot.model_validate(
        {"speech_id": speech_id, "revision": revision, "text": text, "audio_key": audio_key, **defaults}
    )


def create_event(event: type[Event], data: BaseModel) -> Event:
    return event.model_validate({"id": uuid7(), "subject": "s", "time": utc_now(), "data": data})


async def get_hashes(database: Database) -> dict[UUID, int | None]:
    async with database.transaction() as session:
        rows = await session.execute(select(CatalogueSentence.speech_id, CatalogueSentence.sentence_hash))
        return {speech_id: sentence_hash for speech_id, sentence_hash in rows}


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_newest_sentence_is_stored_for_any_order_of_events(
    database: Database, order: tuple[int, ...]
) -> None:
    speech_id = uuid7()
    events = [
        create_event(SpeechCreated, create_snapshot(speech_id, "One.")),
        create_event(SpeechUpdated, create_snapshot(speech_id, "Two.", revision=2)),
        create_event(SpeechUpdated, create_snapshot(speech_id, "Three.", revision=3)),
    ]
    for number in order:
        await deliver(database, events[number])
    assert await get_hashes(database) == {speech_id: hash_sentence("three.")}
    for event in (create_event(SpeechDeleted, SpeechRef(speech_id=speech_id, revision=4)), *events):
        await deliver(database, event)
    assert await get_hashes(database) == {speech_id: None}


async def test_the_sentences_of_an_import_are_stored(database: Database) -> None:
    speeches = [create_snapshot(uuid7(), f"Number {number}.") for number in range(3)]
    data = ImportedSpeeches(import_id=uuid7(), speeches_total=3, speeches=speeches)
    event = create_event(SpeechImported, data)
    for _ in range(2):
        await deliver(database, event)
    assert await get_hashes(database) == {speech.speech_id: hash_sentence(speech.text) for speech in speeches}


async def test_a_recording_used_by_a_speech_is_kept_after_its_upload_session(
    database: Database, add_session: AddImport, add_file: AddImport
) -> None:
    async with database.transaction() as session:
        file_id = await add_file(session, await add_session(session), "a.mp3", object_key="speeches/a.mp3")
    await deliver(
        database, create_event(SpeechCreated, create_snapshot(uuid7(), "One.", audio_key="speeches/a.mp3"))
    )
    async with database.transaction() as session:
        assert (await session.get_one(UploadedFile, file_id)).claimed_at is not None
