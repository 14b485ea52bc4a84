"""Wakes the relays of a database after a commit, from any process. Their polling is the fallback."""

import asyncio
from contextlib import suppress
from weakref import WeakKeyDictionary, ref

from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

CHANNEL = "outbox"
ENGINE = "outbox_engine"
MIN_PAUSE_SECONDS = 0.1
TIMEOUT_SECONDS = 1.0


class _Notifier:
    """NOTIFY in a transaction of its own, which no request waits for, ten times a second at most."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = ref(engine)
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = False
        # A closed pool would open a connection that nothing closes.
        event.listen(engine.sync_engine, "engine_disposed", lambda _: self.stop())

    def stop(self) -> None:
        self._is_wanted = False

    def notify(self) -> None:
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._is_wanted and (engine := self._engine()) is not None:
            self._is_wanted = False
            # Without it the relay finds the message at its next poll.
            with suppress(SQLAlchemyError, OSError, TimeoutError):
                async with asyncio.timeout(TIMEOUT_SECONDS), engine.connect() as connection:
                    autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await autocommit.execute(text(f"NOTIFY {CHANNEL}"))
            await asyncio.sleep(MIN_PAUSE_SECONDS)


_notifiers: WeakKeyDictionary[AsyncEngine, _Notifier] = WeakKeyDictionary()


def wake_relay_after_commit(session: AsyncSession) -> None:
    # In tests a session may be bound to a connection whose transaction is rolled back at the end.
    if isinstance(session.bind, AsyncEngine):
        session.info[ENGINE] = session.bind


@event.listens_for(Session, "after_commit")
def _notify(session: Session) -> None:
    engine = session.info.pop(ENGINE, None)
    if engine is not None:
        _notifiers.setdefault(engine, _Notifier(engine)).notify()
