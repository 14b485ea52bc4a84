import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from importer.commands import claims
from importer.commands.claims import ReleaseClaims, release_claims, release_stale_claims
from importer.models import ImportJob, UploadedFile
from shared.clock import utc_now
from shared.data.db import Database
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]

FREE = {"import_id": None, "claimed_at": None}
MANY_FILES = """
    INSERT INTO uploaded_files
        (session_id, original_filename, stored_filename, name_key, object_key, import_id, claimed_at)
    SELECT :session_id, i, i, i, i, CAST(:import_id AS uuid), CAST(:claimed_at AS timestamptz)
    FROM generate_series(1, 40000) i WHERE {where}
"""


async def list_names(session: AsyncSession, *, claimed: bool) -> list[str]:
    is_claimed = UploadedFile.claimed_at.is_not(None) == claimed
    statement = select(UploadedFile.stored_filename).where(is_claimed).order_by(UploadedFile.id)
    return list(await session.scalars(statement, execution_options={"populate_existing": True}))


async def add_claimed(session: AsyncSession, add_import: Add, add_file: Add, *names: str, **job: Any) -> UUID:
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
    await add_claimed(session, add_import, add_file, "a.mp3", "b.mp3", "c.mp3", state="cancelled")
    import_id = (await session.scalars(select(ImportJob.id))).one()
    await release_claims(session, ReleaseClaims(import_id=import_id))
    assert await list_names(session, claimed=True) == ["c.mp3"]
    [following] = await outbox_jobs(session, ReleaseClaims)
    await release_claims(session, following)
    assert await list_names(session, claimed=False) == ["a.mp3", "b.mp3", "c.mp3"]


async def test_a_recording_whose_name_is_taken_is_named_after_its_object(
    database: Database, add_import: Add, add_file: Add
) -> None:
    async with database.transaction() as session:
        session_id = await add_claimed(session, add_import, add_file, "a.mp3", "b.mp3", state="cancelled")
        await add_file(session, session_id, "a.mp3")
        key = (await session.scalars(select(UploadedFile.object_key).order_by(UploadedFile.id))).first()
    assert key is not None
    await release_stale_claims(database, session_id)
    async with database.transaction() as session:
        assert await list_names(session, claimed=False) == [key.removeprefix("speeches/"), "b.mp3", "a.mp3"]


@pytest.mark.parametrize(
    ("state", "is_released"),
    [("cancelled", True), ("rejected", True), ("failed", True), ("applying", False), ("completed", False)],
)
async def test_recordings_of_an_ended_import_can_be_claimed_by_another(
    database: Database, add_import: Add, add_file: Add, state: str, is_released: bool
) -> None:
    async with database.transaction() as session:
        session_id = await add_claimed(session, add_import, add_file, "a.mp3", state=state)
    await release_stale_claims(database, session_id)
    async with database.transaction() as session:
        assert await list_names(session, claimed=False) == (["a.mp3"] if is_released else [])


async def test_many_recordings_are_released_without_statistics(
    committed_database: Database, add_import: Add
) -> None:
    async with committed_database.transaction() as session:
        import_id = await add_import(session, state="cancelled")
        session_id = (await session.get_one(ImportJob, import_id)).session_id
        arguments = {"session_id": session_id, "import_id": import_id, "claimed_at": utc_now()}
        # Every twentieth of 40,000 is claimed.
        await session.execute(text(MANY_FILES.format(where="i % 20 > 0")), {**arguments, **FREE})
        await session.execute(text(MANY_FILES.format(where="i % 20 = 0")), arguments)
    async with asyncio.timeout(10), committed_database.transaction() as session:
        await release_claims(session, ReleaseClaims(import_id=import_id))
        assert await list_names(session, claimed=True) == []
