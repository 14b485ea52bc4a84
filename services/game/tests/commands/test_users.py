"""An erased user is refused and leaves no data, in any order of requests and events."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from contracts.content import SpeechSnapshot
from contracts.game import SessionCompleted
from game.commands.sessions import save_session
from game.commands.speeches import store_speech_revision
from game.commands.users import ERASED_RETENTION, erase_user, purge_erased_users
from game.errors import AccountErased
from game.models import ErasedUser, GameSession
from game.receipts import ReceiptVerifier
from game.schemas.sessions import SessionCreate
from game.worker import create_loops
from shared.data.db import Database
from shared.security.jwt import SigningKeys, StaticKeys
from shared.testing import outbox_events
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

type NewBody = Callable[..., dict[str, Any]]
type SaveIn = Callable[[AsyncSession], Awaitable[Any]]

SESSIONS = "/api/v1/game/sessions"
WAIT_SECONDS = 0.3


@pytest.fixture
def save_in(learner: UUID, receipt_keys: SigningKeys, new_body: NewBody) -> SaveIn:
    """Saves the same session in a transaction: `await save_in(session)`."""
    new, receipts = SessionCreate.model_validate(new_body()), ReceiptVerifier(StaticKeys(receipt_keys.public))

    async def save(session: AsyncSession) -> Any:
        return await save_session(session, learner, new=new, key="k", receipts=receipts)

    return save


async def store_catalogue(database: Database, catalogue: list[SpeechSnapshot]) -> None:
    async with database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=datetime(2026, 1, 1, tzinfo=UTC))


async def count_sessions(database: Database) -> tuple[int, int]:
    """Count sessions and SessionCompleted events."""
    async with database.transaction() as session:
        sessions = await session.scalar(select(func.count()).select_from(GameSession))
        return sessions or 0, len(await outbox_events(session, SessionCompleted))


async def erase(database: Database, learner: UUID) -> None:
    async with database.transaction() as session:
        await erase_user(session, learner)


async def test_a_session_repeated_after_the_erasure_is_refused(
    client: httpx.AsyncClient,
    database: Database,
    learner: UUID,
    speeches: list[SpeechSnapshot],
    new_body: NewBody,
) -> None:
    body, key = new_body(), {"Idempotency-Key": "k"}
    assert (await client.post(SESSIONS, json=body, headers=key)).status_code == 201
    await erase(database, learner)
    await erase(database, learner)
    for _ in range(2):
        again = await client.post(SESSIONS, json=body, headers=key)
        assert (again.status_code, again.json()["code"]) == (401, "unauthorized")
        assert again.headers["www-authenticate"].startswith("Bearer")
    assert await count_sessions(database) == (0, 1)


async def test_saving_waits_for_a_running_erasure_and_is_refused(
    committed_database: Database, learner: UUID, catalogue: list[SpeechSnapshot], save_in: SaveIn
) -> None:
    await store_catalogue(committed_database, catalogue)

    async def save() -> None:
        async with committed_database.transaction() as session:
            await save_in(session)

    async with committed_database.transaction() as session:
        await erase_user(session, learner)
        saving = asyncio.create_task(save())
        await asyncio.sleep(WAIT_SECONDS)
        assert not saving.done()
    with pytest.raises(AccountErased):
        await saving
    assert await count_sessions(committed_database) == (0, 0)


async def test_an_erasure_waits_for_a_running_save_and_deletes_its_session(
    committed_database: Database, learner: UUID, catalogue: list[SpeechSnapshot], save_in: SaveIn
) -> None:
    await store_catalogue(committed_database, catalogue)
    async with committed_database.transaction() as session:
        await save_in(session)
        await session.flush()
        erasing = asyncio.create_task(erase(committed_database, learner))
        await asyncio.sleep(WAIT_SECONDS)
        assert not erasing.done()
    await erasing
    assert await count_sessions(committed_database) == (0, 1)


async def test_ids_of_erased_users_are_purged_after_their_retention(
    database: Database, session: AsyncSession
) -> None:
    for number, age in enumerate((ERASED_RETENTION + timedelta(minutes=1), ERASED_RETENTION / 2)):
        await erase_user(session, UUID(int=number))
        aged = update(ErasedUser).where(ErasedUser.user_id == UUID(int=number))
        await session.execute(aged.values(erased_at=func.now() - age))
    await purge_erased_users(session)
    assert list(await session.scalars(select(ErasedUser.user_id))) == [UUID(int=1)]
    for loop in create_loops(database):
        await loop.work()
