"""Counts the audio that is sent to a paid provider."""

from asyncio import Future
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass


@dataclass
class SendAttempt:
    """One attempt to send a recording. `is_sent` is false if none of it has left the process. `slot_freed` is
    done when the attempt's slot is free for other work.
    """

    is_sent: bool = True
    slot_freed: Future[None] | None = None


type Meter = Callable[[], AbstractAsyncContextManager[SendAttempt]]
"""Wraps each attempt, including retries. If it raises BudgetExhausted or BudgetUnavailable, send nothing."""


@asynccontextmanager
async def skip_metering() -> AsyncIterator[SendAttempt]:
    yield SendAttempt()
