"""How a paid provider accounts for what it sends."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass


@dataclass
class Sending:
    """One attempt to send a recording. `is_sent` turns false when nothing of it left the process."""

    is_sent: bool = True


type Meter = Callable[[], AbstractAsyncContextManager[Sending]]
"""Encloses each attempt, retries too. Raises BudgetExhausted or BudgetUnavailable: then send nothing."""


@asynccontextmanager
async def unmetered() -> AsyncIterator[Sending]:
    yield Sending()
