import pytest
from contracts.game import SessionCompleted
from shared.data.db import Database
from shared.messaging.outbox import record

from tests.shared.messaging.messages import completed, waiting


async def test_what_was_rolled_back_never_happened(committed_database: Database) -> None:
    async def fails() -> None:
        async with committed_database.transaction() as session:
            record(session, SessionCompleted, subject="s", data=completed())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert await waiting(committed_database) == 0
