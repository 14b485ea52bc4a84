from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts.importer import ImportCompleted, ImportFailed, ImportUndoRequested
from importer.commands.claims import ReleaseClaims
from importer.commands.imports import apply_action, cancel_import, fail_import, undo_import
from importer.errors import ImportNotCancellable, ImportNotFound, ImportNotUndoable, NotYourImport
from importer.models import AuditEntry, ImportJob
from shared.security.current_user import Principal, Role
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

type AddImport = Callable[..., Awaitable[UUID]]


def create_principal(role: Role, user_id: UUID | None = None) -> Principal:
    return Principal(id=user_id or uuid4(), role=role)


async def test_every_change_raises_the_version(session: AsyncSession, add_import: AddImport) -> None:
    job_id = await add_import(session)
    started = await apply_action(session, job_id, "start", encoding="utf-8")
    assert started is not None
    assert (started.state, started.version, started.encoding) == ("validating", 2, "utf-8")
    again = await apply_action(session, job_id, "start")
    assert again is not None
    assert (again.state, again.version) == ("validating", 3)


async def test_an_action_that_the_state_does_not_allow_changes_nothing(
    session: AsyncSession, add_import: AddImport
) -> None:
    job_id = await add_import(session, state="applying")
    assert await apply_action(session, job_id, "cancel", success_count=9) is None
    job = await session.get_one(ImportJob, job_id)
    assert (job.state, job.version, job.success_count) == ("applying", 1, 0)


async def test_an_unknown_import_is_not_found(session: AsyncSession) -> None:
    with pytest.raises(ImportNotFound):
        await apply_action(session, uuid4(), "start")


@pytest.mark.parametrize("action", ["reject", "fail", "cancel"])
async def test_an_import_without_speeches_releases_its_recordings(
    session: AsyncSession, add_import: AddImport, outbox_jobs: OutboxJobs, action: Any
) -> None:
    job_id = await add_import(session, state="validating")
    await apply_action(session, job_id, action)
    assert [job.import_id for job in await outbox_jobs(session, ReleaseClaims)] == [job_id]


async def test_a_dry_run_has_no_events_and_no_claims(
    session: AsyncSession, add_import: AddImport, outbox_jobs: OutboxJobs
) -> None:
    for action in ("complete", "reject", "fail"):
        job_id = await add_import(session, state="validating", dry_run=True)
        job = await apply_action(session, job_id, action)
        assert job is not None
        assert job.finished_at is not None
    assert await outbox_jobs(session, ReleaseClaims) == []
    assert not await outbox_events(session, ImportCompleted)
    assert not await outbox_events(session, ImportFailed)


async def test_a_failure_is_published(session: AsyncSession, add_import: AddImport, editor_id: UUID) -> None:
    job_id = await add_import(session, state="validating")
    await fail_import(session, job_id, "not_a_table", "The file is no table.", row=3)
    [event] = await outbox_events(session, ImportFailed)
    assert event.data.model_dump() == {
        "import_id": job_id,
        "owner_id": editor_id,
        "code": "not_a_table",
        "detail": "The file is no table.",
    }


async def test_only_the_owner_and_admins_may_change_an_import(
    session: AsyncSession, add_import: AddImport, editor_id: UUID
) -> None:
    job_id = await add_import(session)
    with pytest.raises(NotYourImport):
        await cancel_import(session, job_id, actor=create_principal("editor"))
    assert (await cancel_import(session, job_id, actor=create_principal("admin"))).state == "cancelled"
    assert (await cancel_import(session, job_id, actor=create_principal("editor", editor_id))).version == 2


async def test_undoing_is_requested_once(
    session: AsyncSession, add_import: AddImport, editor_id: UUID
) -> None:
    job_id = await add_import(session, state="completed")
    owner = create_principal("editor", editor_id)
    assert (await undo_import(session, job_id, actor=owner)).state == "undoing"
    assert (await undo_import(session, job_id, actor=owner)).state == "undoing"
    [event] = await outbox_events(session, ImportUndoRequested)
    assert event.data.import_id == job_id


async def test_an_import_without_speeches_cannot_be_undone(
    session: AsyncSession, add_import: AddImport, editor_id: UUID
) -> None:
    owner = create_principal("editor", editor_id)
    with pytest.raises(ImportNotUndoable):
        await undo_import(session, await add_import(session, state="rejected"), actor=owner)
    with pytest.raises(ImportNotUndoable):
        await undo_import(session, await add_import(session, state="completed", dry_run=True), actor=owner)
    with pytest.raises(ImportNotCancellable):
        await cancel_import(session, await add_import(session, state="completed"), actor=owner)


async def test_changes_are_audited_with_both_states(
    session: AsyncSession, add_import: AddImport, editor_id: UUID
) -> None:
    job_id = await add_import(session, state="applying")
    await apply_action(session, job_id, "complete", success_count=4)
    await undo_import(session, job_id, actor=create_principal("editor", editor_id))
    entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [(e.action, e.actor_id, e.before, e.after) for e in entries] == [
        ("import_completed", None, {"state": "applying"}, {"state": "completed"}),
        ("import_undo_requested", editor_id, {"state": "completed"}, {"state": "undoing"}),
    ]
