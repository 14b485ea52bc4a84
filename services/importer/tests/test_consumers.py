from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from contracts import Event
from contracts.content import (
    AppliedImport,
    ImportApplied,
    ImportRejected,
    ImportUndone,
    RefusedImport,
    UndoneImport,
)
from contracts.importer import ImportCompleted, ImportFailed
from importer.consumers import subscriptions
from importer.models import ImportJob
from shared.clock import utc_now
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from shared.testing import outbox_events
from uuid_utils.compat import uuid7

type AddImport = Callable[..., Awaitable[UUID]]


def applied(import_id: UUID) -> ImportApplied:
    data = AppliedImport(import_id=import_id, speeches_total=3)
    return ImportApplied(id=uuid7(), subject="s", time=utc_now(), data=data)


def refused(import_id: UUID) -> ImportRejected:
    data = RefusedImport(import_id=import_id, code="batch_missing", detail="The batch is missing.")
    return ImportRejected(id=uuid7(), subject="s", time=utc_now(), data=data)


def undone(import_id: UUID) -> ImportUndone:
    data = UndoneImport(import_id=import_id, deleted=2, archived=1)
    return ImportUndone(id=uuid7(), subject="s", time=utc_now(), data=data)


async def deliver(database: Database, event: Event) -> None:
    await apply_once(database, event.queue_for("importer"), event, subscriptions[type(event)])


async def job_of(database: Database, job_id: UUID) -> ImportJob:
    async with database.transaction() as session:
        return await session.get_one(ImportJob, job_id)


@pytest.fixture
async def job_id(database: Database, add_import: AddImport) -> UUID:
    async with database.transaction() as session:
        return await add_import(session, state="applying", success_count=1)


async def test_an_applied_import_is_completed_once(database: Database, job_id: UUID) -> None:
    # A redelivery has the same id; an outcome that is published again has another one.
    first = applied(job_id)
    for event in (first, first, applied(job_id)):
        await deliver(database, event)
    job = await job_of(database, job_id)
    assert (job.state, job.version, job.success_count) == ("completed", 2, 3)
    assert job.finished_at is not None
    async with database.transaction() as session:
        [completed] = await outbox_events(session, ImportCompleted)
    assert completed.data.speeches_total == 3


async def test_a_refused_import_fails_with_the_reason(database: Database, job_id: UUID) -> None:
    for _ in range(2):
        await deliver(database, refused(job_id))
    job = await job_of(database, job_id)
    assert (job.state, job.failure_code, job.failure_detail) == (
        "failed",
        "batch_missing",
        "The batch is missing.",
    )
    async with database.transaction() as session:
        [event] = await outbox_events(session, ImportFailed)
    assert event.data.code == "batch_missing"


@pytest.mark.parametrize("outcomes", [(applied, refused), (refused, applied)])
async def test_the_first_outcome_stands(
    database: Database, job_id: UUID, outcomes: tuple[Callable[[UUID], Event], ...]
) -> None:
    first, second = outcomes
    await deliver(database, first(job_id))
    state = (await job_of(database, job_id)).state
    await deliver(database, second(job_id))
    assert (await job_of(database, job_id)).state == state


async def test_an_undone_import_says_what_became_of_its_speeches(
    database: Database, add_import: AddImport
) -> None:
    async with database.transaction() as session:
        job_id = await add_import(session, state="undoing")
    event = undone(job_id)
    for _ in range(2):
        await deliver(database, event)
    # Late and out of order.
    await deliver(database, applied(job_id))
    job = await job_of(database, job_id)
    assert (job.state, job.deleted_count, job.archived_count, job.version) == ("undone", 2, 1, 2)


async def test_an_answer_about_an_unknown_import_is_ignored(database: Database) -> None:
    for event in (applied(uuid7()), refused(uuid7()), undone(uuid7())):
        await deliver(database, event)
