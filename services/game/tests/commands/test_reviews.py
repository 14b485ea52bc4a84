import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from contracts.content import SpeechSnapshot
from game.commands.sessions import save_session
from game.commands.speeches import store_speech_revision
from game.models import Review
from game.receipts import ReceiptVerifier
from game.schemas.sessions import SessionCreate
from shared.data.db import Database
from shared.security.jwt import SigningKeys, StaticKeys
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

type NewBody = Callable[..., dict[str, Any]]

WAIT_SECONDS = 0.3


@pytest.mark.parametrize("older_first", [True, False])
async def test_concurrent_sessions_of_a_learner_keep_the_newest_state(
    committed_database: Database,
    learner: UUID,
    catalogue: list[SpeechSnapshot],
    receipt_keys: SigningKeys,
    new_body: NewBody,
    older_first: bool,
) -> None:
    receipts = ReceiptVerifier(StaticKeys(receipt_keys.public))
    now = datetime.now(UTC)

    async def save(session: AsyncSession, days: int) -> None:
        completed_at = (now - timedelta(days=days)).isoformat()
        new = SessionCreate.model_validate(new_body(started_at=completed_at, completed_at=completed_at))
        await save_session(session, learner, new=new, key=None, receipts=receipts)

    async def save_alone(days: int) -> None:
        async with committed_database.transaction() as session:
            await save(session, days)

    async with committed_database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=now)
    first, second = (1, 0) if older_first else (0, 1)
    # Both find no state of these speeches yet, and the second waits for the first.
    async with committed_database.transaction() as session:
        await save(session, first)
        saving = asyncio.create_task(save_alone(second))
        await asyncio.sleep(WAIT_SECONDS)
        assert not saving.done()
    await saving
    async with committed_database.transaction() as session:
        stored = list(await session.scalars(select(Review.reviewed_at).where(Review.user_id == learner)))
    assert stored == [now, now]
