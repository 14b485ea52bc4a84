"""Wakes the relays of a database after a commit, from any process. Their polling is the fallback."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared.data.db import Database
from shared.errors import Unavailable

CHANNEL = "outbox"
RECORDED = "outbox_recorded"
MIN_PAUSE_SECONDS = 0.1
TIMEOUT_SECONDS = 1.0


def wake_relay_after_commit(session: AsyncSession) -> None:
    # In tests a session may be bound to a connection, which is in use and never commits.
    session.info[RECORDED] = isinstance(session.bind, AsyncEngine)


@asynccontextmanager
async def run_wake_up(database: Database) -> AsyncIterator[None]:
    """Wake the relays after the commits of this process while the block runs."""
    notifier = _Notifier(database)
    database.after_commit.append(notifier.observe)
    try:
        yield
    finally:
        database.after_commit.remove(notifier.observe)
        await notifier.close()


class _Notifier:
    """NOTIFY in a separate transaction, which no request waits for, at most ten times a second."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._is_wanted = False

    async def observe(self, info: Mapping[Any, Any]) -> None:
        if info.get(RECORDED):
            self._is_wanted = True
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        self._closing.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._is_wanted and not self._closing.is_set():
            self._is_wanted = False
            # If this fails, the relay finds the message at its next poll.
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._database.fetch(f"NOTIFY {CHANNEL}")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), MIN_PAUSE_SECONDS)
