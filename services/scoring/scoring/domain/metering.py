"""Accounting of the audio that a paid provider sends."""

from asyncio import Future
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass


@dataclass
class Sending:
    """One attempt to send a recording. `is_sent` becomes false if none of it left the process. `slot_freed`
    is done when the provider can start other work in its slot.
    """

    is_sent: bool = True
    slot_freed: Future[None] | None = None


type Meter = Callable[[], AbstractAsyncContextManager[Sending]]
"""Wraps each attempt, including retries. If it raises BudgetExhausted or BudgetUnavailable, send nothing."""


@asynccontextmanager
async def skip_metering() -> AsyncIterator[Sending]:
    yield Sending()
