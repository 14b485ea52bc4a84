import asyncio
from datetime import UTC, datetime
from typing import Any

from auth.commands.password_resets import redeem_password_reset
from auth.errors import TokenUsed
from auth.models import User
from auth.tokens import one_time_tokens
from shared.data.db import Database
from sqlalchemy import select


async def test_only_one_of_concurrent_resets_succeeds(
    committed_database: Database, open_account: Any
) -> None:
    user = await open_account(committed_database)
    now = datetime.now(UTC)
    async with committed_database.transaction() as session:
        token = await one_time_tokens.issue(
            session, user.id, "reset_password", email_key=user.email_key, now=now
        )
    assert token is not None

    async def reset(password_hash: str) -> str:
        try:
            async with committed_database.transaction() as session:
                await redeem_password_reset(session, token, new_hash=password_hash, now=now)
        except TokenUsed:
            return "used"
        return password_hash

    outcomes = await asyncio.gather(*(reset(f"hash {number}") for number in range(10)))
    (winner,) = set(outcomes) - {"used"}
    assert outcomes.count("used") == 9
    async with committed_database.transaction() as session:
        assert await session.scalar(select(User.password_hash)) == winner
