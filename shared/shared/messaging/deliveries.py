"""Deliveries: decoded, applied through the inbox, retried, and given up."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import structlog
from contracts.event import Event
from pydantic import ValidationError

from shared import metrics
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.errors import Unavailable
from shared.messaging.crashes import RedeliveredWork
from shared.messaging.inbox import Handler, apply_once, claim
from shared.messaging.jobs import Effect, GivenUp, GiveUp, Job

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3

type Receiver = Callable[[bytes, bool], Awaitable[None]]
"""Receives a delivery's body, and whether it was delivered before. Raises if it must become a dead letter."""


@dataclass(frozen=True)
class QueueReceiver:
    """Applies the deliveries of one queue. `turns` limits the open transactions of a process's handlers."""

    database: Database
    redelivered_work: RedeliveredWork
    turns: AbstractAsyncContextManager[Any]
    queue: str
    message: type[Event | Job]
    handler: Handler[Any]

    async def __call__(self, body: bytes, is_redelivered: bool) -> None:
        try:
            outcome = await self._receive(body, is_redelivered=is_redelivered)
        except Exception:
            metrics.CONSUMED.labels(self.queue, "parked").inc()
            raise
        metrics.CONSUMED.labels(self.queue, outcome).inc()

    async def _receive(self, body: bytes, *, is_redelivered: bool) -> str:
        try:
            delivery = self.message.model_validate_json(body)
        except ValidationError:
            log.error("delivery_unreadable", queue=self.queue)
            raise
        with structlog.contextvars.bound_contextvars(
            queue=self.queue, event_id=str(delivery.id), traceparent=delivery.traceparent
        ):
            return await self._apply_with_retries(delivery, is_redelivered=is_redelivered)

    async def _apply_with_retries(self, delivery: Event | Job, *, is_redelivered: bool) -> str:
        """Retry a failing handler a few times, but wait indefinitely for a dependency that is down."""
        attempt = 0
        while True:
            try:
                return await self._apply_or_give_up(delivery, is_redelivered=is_redelivered)
            except Unavailable as error:
                log.warning("delivery_retrying", reason=error.detail)
                await asyncio.sleep(1)
            except GivenUp:
                raise
            except Exception:
                attempt += 1
                log.exception("delivery_failed", attempt=attempt)
                if attempt == MAX_ATTEMPTS:
                    raise
                await asyncio.sleep(0.1 * 4**attempt)

    async def _apply_or_give_up(self, delivery: Event | Job, *, is_redelivered: bool) -> str:
        # An effect has no transaction, and may take minutes.
        turn = nullcontext() if isinstance(self.handler, Effect) else self.turns
        if is_redelivered:
            turn = self.redelivered_work.record_attempt(self.queue, delivery.id, turn)
        try:
            async with turn:
                return await apply_once(self.database, self.queue, delivery, self.handler)
        except GivenUp as error:
            log.error("delivery_given_up", reason=error.reason)
            if not isinstance(self.handler, Effect) or self.handler.give_up is None:
                await self.redelivered_work.forget(self.queue, delivery.id)
                raise
            return await self._give_up(delivery, self.handler.give_up, error)

    @retry_conflicts
    async def _give_up(self, delivery: Event | Job, give_up: GiveUp[Any], error: GivenUp) -> str:
        async with self.database.transaction() as session:
            if await claim(session, self.queue, delivery.id):
                await give_up(session, delivery, error)
        return "given_up"
