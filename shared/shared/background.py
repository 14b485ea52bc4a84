"""Loops that run as long as their process: supervised, retried with back-off, stopped between passes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from shared.errors import Unavailable

log = structlog.get_logger(__name__)

MIN_RETRY_SECONDS = 0.5
STOP_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One pass of work, and how often to repeat it.

    `work` returns True when more is waiting: the next pass then follows at once. With an interval of None
    the loop ends after its first successful pass. A failed pass is repeated after 0.5 s, then after twice as
    long each time, up to `max_retry_seconds`.
    """

    name: str
    work: Callable[[], Awaitable[bool | None]]
    interval_seconds: float | None
    max_retry_seconds: float = 5.0


async def run_forever(loop: Loop, stopping: asyncio.Event) -> None:
    """Repeat the loop's work until `stopping` is set. No exception ends it."""
    retry_seconds = MIN_RETRY_SECONDS
    while not stopping.is_set():
        try:
            has_more = await loop.work()
            if loop.interval_seconds is None:
                return
            pause = 0.0 if has_more else loop.interval_seconds
            retry_seconds = MIN_RETRY_SECONDS
        except Unavailable as error:
            log.warning(f"{loop.name}_retrying", reason=error.detail, seconds=retry_seconds)
            pause, retry_seconds = retry_seconds, min(retry_seconds * 2, loop.max_retry_seconds)
        except (Exception, asyncio.CancelledError) as error:
            # A half-open connection cancels the coroutines that wait on it. That is no request to stop.
            if isinstance(error, asyncio.CancelledError) and _is_cancelling():
                raise
            log.exception(f"{loop.name}_failed", seconds=retry_seconds)
            pause, retry_seconds = retry_seconds, min(retry_seconds * 2, loop.max_retry_seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@asynccontextmanager
async def run_loops(*loops: Loop) -> AsyncIterator[None]:
    """Run the loops while the block runs, and let their current passes finish, for at most five seconds."""
    stopping = asyncio.Event()
    tasks = {asyncio.create_task(run_forever(loop, stopping), name=loop.name) for loop in loops}
    try:
        yield
    finally:
        stopping.set()
        if tasks:
            # Cancelling a query would cost its connection.
            _, unfinished = await asyncio.wait(tasks, timeout=STOP_TIMEOUT_SECONDS)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
