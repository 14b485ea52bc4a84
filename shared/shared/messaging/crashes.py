"""Deliveries during which a process ended: repeated a few times, then given up.

RabbitMQ marks what it delivers again, so only such deliveries are counted. Each attempt is recorded in the
inbox before its work, and its record is deleted when the work ends, also when SIGTERM or a lost connection
cuts it off. An attempt whose record remains ended with its process.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, select

from shared.data.db import Database
from shared.errors import Unavailable
from shared.messaging.inbox import InboxEvent, claim
from shared.messaging.jobs import RepeatedCrash

log = structlog.get_logger(__name__)

MAX_CRASHES = 3
"""Recorded attempts that ended with their process. The first delivery is not recorded, so it is one more."""


class RedeliveredWork:
    """The redelivered messages of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = _Turns()
        self._unended = set[tuple[str, UUID]]()
        """Records of this process that the database could not delete."""

    @asynccontextmanager
    async def record_attempt(
        self, queue: str, message_id: UUID, turn_slot: AbstractAsyncContextManager[Any]
    ) -> AsyncIterator[None]:
        """Record an attempt while the block runs, in its `turn`. Raises RepeatedCrash and Unavailable.

        After a crash, a message is in work without any other redelivered one: if the process ends again, no
        other message is suspected.
        """
        names = _list_names(queue)
        crashes = await self._list_crashes(names, message_id)
        free = [name for name in names if name not in crashes]
        if not free:
            raise RepeatedCrash
        async with self._turns.take(alone=bool(crashes)), turn_slot:
            async with self._database.transaction() as session:
                await claim(session, free[0], message_id)
            try:
                yield
            finally:
                # A connection may be lost more than once, and its tasks cancelled each time.
                await asyncio.shield(asyncio.create_task(self._end_attempt(free[0], message_id)))

    async def _list_crashes(self, names: Collection[str], message_id: UUID) -> set[str]:
        async with self._database.transaction() as session:
            recorded = select(InboxEvent.consumer).where(
                InboxEvent.consumer.in_(names), InboxEvent.event_id == message_id
            )
            crashes = set(await session.scalars(recorded))
        return {name for name in crashes if (name, message_id) not in self._unended}

    async def _end_attempt(self, name: str, message_id: UUID) -> None:
        self._unended.add((name, message_id))
        try:
            await self._delete([name], message_id)
        except Unavailable as error:
            log.warning("attempt_not_ended", reason=error.detail)
        else:
            self._unended.discard((name, message_id))

    async def forget(self, queue: str, message_id: UUID) -> None:
        """Forget the crashes of a message that becomes a dead letter: it may be replayed."""
        await self._delete(_list_names(queue), message_id)

    async def _delete(self, names: Collection[str], message_id: UUID) -> None:
        async with self._database.transaction() as session:
            recorded = InboxEvent.consumer.in_(names), InboxEvent.event_id == message_id
            await session.execute(delete(InboxEvent).where(*recorded))


class _Turns:
    """Lets messages work at the same time, or one of them alone."""

    def __init__(self) -> None:
        self._in_work, self._is_one_alone = 0, False
        self._left = asyncio.Event()

    @asynccontextmanager
    async def take(self, *, alone: bool) -> AsyncIterator[None]:
        while self._is_one_alone or (alone and self._in_work):
            await self._left.wait()
        self._in_work, self._is_one_alone = self._in_work + 1, alone
        try:
            yield
        finally:
            self._in_work, self._is_one_alone = self._in_work - 1, False
            self._left.set()
            self._left = asyncio.Event()


def _list_names(queue: str) -> list[str]:
    """Name the inbox claims that record attempts at a queue's messages."""
    return [f"{queue}#{number}" for number in range(1, MAX_CRASHES + 1)]
