from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from importer.commands import claims
from importer.commands.claims import ReleaseClaims, release_claims, release_stale_claims
from importer.models import ImportJob, UploadedFile
from shared.clock import utc_now
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]


async def names(session: AsyncSession, *, claimed: bool) -> list[str]:
    is_claimed = UploadedFile.claimed_at.is_not(None) == claimed
    found = select(UploadedFile.stored_filename).where(is_claimed).order_by(UploadedFile.id)
    return list(await session.scalars(found, execution_options={"populate_existing": True}))


async def claimed_by(session: AsyncSession, add_import: Add, add_file: Add, *names: str, **job: Any) -> UUID:
    import_id = await add_import(session, **job)
    session_id = (await session.get_one(ImportJob, import_id)).session_id
    for name in names:
        await add_file(session, session_id, name, claimed_at=utc_now(), import_id=import_id)
    return session_id


async def test_recordings_are_released_in_chunks(
    session: AsyncSession,
    add_import: Add,
    add_file: Add,
    outbox_jobs: Callable[..., Awaitable[list[Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "CHUNK_SIZE", 2)
    await claimed_by(session, add_import, add_file, "a.mp3", "b.mp3", "c.mp3", state="cancelled")
    import_id = (await session.scalars(select(ImportJob.id))).one()
    await release_claims(session, ReleaseClaims(import_id=import_id))
    assert await names(session, claimed=True) == ["c.mp3"]
    [following] = await outbox_jobs(session, ReleaseClaims)
    await release_claims(session, following)
    assert await names(session, claimed=False) == ["a.mp3", "b.mp3", "c.mp3"]


async def test_a_recording_whose_name_is_taken_is_named_after_its_object(
    session: AsyncSession, add_import: Add, add_file: Add
) -> None:
    session_id = await claimed_by(session, add_import, add_file, "a.mp3", state="cancelled")
    await add_file(session, session_id, "a.mp3")
    key = (await session.scalars(select(UploadedFile.object_key).order_by(UploadedFile.id))).first()
    assert key is not None
    await release_stale_claims(session, session_id)
    assert await names(session, claimed=False) == [key.removeprefix("speeches/"), "a.mp3"]


@pytest.mark.parametrize(
    ("state", "is_released"),
    [("cancelled", True), ("rejected", True), ("failed", True), ("applying", False), ("completed", False)],
)
async def test_another_import_can_claim_what_an_ended_one_left(
    session: AsyncSession, add_import: Add, add_file: Add, state: str, is_released: bool
) -> None:
    session_id = await claimed_by(session, add_import, add_file, "a.mp3", state=state)
    await release_stale_claims(session, session_id)
    assert await names(session, claimed=False) == (["a.mp3"] if is_released else [])
