"""Loops that run for the life of their process: supervised, retried with back-off, stopped between passes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from shared import stopping
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

MIN_RETRY_SECONDS = 0.5
MAX_FAILING_SECONDS = 30.0
"""A loop is dead when it has failed for this long and not because of an unavailable dependency."""
MAX_PASS_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One pass of work, and how often to repeat it.

    `work` returns True when more is waiting: the next pass then follows immediately. With an interval of None
    the loop ends after its first successful pass. `wake_up` ends the pause after a successful pass. A failed
    pass is retried after 0.5 s, doubling up to `max_retry_seconds`. The process cannot work without a
    required loop.
    """

    name: str
    work: Callable[[], Awaitable[bool | None]]
    interval_seconds: float | None
    required: bool = True
    max_retry_seconds: float = 5.0
    max_pass_seconds: float = MAX_PASS_SECONDS
    wake_up: asyncio.Event = field(default_factory=asyncio.Event)


class SupervisedLoop:
    """A loop and its recent outcomes. Neither exceptions nor cancellations before `stop` end it."""

    def __init__(self, loop: Loop) -> None:
        self.name, self.required, self._loop = loop.name, loop.required, loop
        self._stopping = asyncio.Event()
        self._pause, self._retry_seconds = 0.0, 0.0
        self._pass_started: float | None = None
        self._failing_since: float | None = None

    @property
    def is_dead(self) -> bool:
        """Whether it keeps failing although its dependencies are available, or one pass hangs."""
        now = time.monotonic()
        failing = self._failing_since is not None and now - self._failing_since > MAX_FAILING_SECONDS
        started = self._pass_started
        return failing or (started is not None and now - started > self._loop.max_pass_seconds)

    def stop(self) -> None:
        self._stopping.set()
        self._loop.wake_up.set()

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                if await self._is_last_pass():
                    return
            except Unavailable as error:
                # The process is alive: readiness shows failed dependencies.
                self._failing_since = None
                self._retry_later("retrying", reason=error.detail)
            except (Exception, asyncio.CancelledError) as error:
                # A half-open connection cancels the coroutines waiting on it, which is not a request to stop.
                if isinstance(error, asyncio.CancelledError) and self._must_stop():
                    raise
                self._failing_since = self._failing_since or time.monotonic()
                self._retry_later("failed")
            finally:
                self._pass_started = None

    async def _is_last_pass(self) -> bool:
        await self._sleep()
        if self._stopping.is_set():
            return True
        self._loop.wake_up.clear()
        self._pass_started = time.monotonic()
        has_more = await self._loop.work()
        self._failing_since, self._retry_seconds = None, 0.0
        self._pause = 0.0 if has_more else self._loop.interval_seconds or 0.0
        return self._loop.interval_seconds is None

    async def _sleep(self) -> None:
        # A wake-up must not shorten the back-off.
        event = self._stopping if self._retry_seconds else self._loop.wake_up
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), self._pause)

    def _retry_later(self, outcome: str, **details: str) -> None:
        longest = self._loop.max_retry_seconds
        self._pause = self._retry_seconds = min(self._retry_seconds * 2 or MIN_RETRY_SECONDS, longest)
        # Not even a closed standard output may end the loop.
        with suppress(Exception):
            write = log.exception if outcome == "failed" else log.warning
            write(f"{self.name}_{outcome}", seconds=self._pause, **details)

    def _must_stop(self) -> bool:
        if self._stopping.is_set():
            return True
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        return False


@asynccontextmanager
async def run_loops(*loops: Loop) -> AsyncIterator[Sequence[SupervisedLoop]]:
    """Run the loops while the block runs, and let their current passes finish, for a limited time."""
    supervised = [SupervisedLoop(loop) for loop in loops]
    tasks = {asyncio.create_task(loop.run(), name=loop.name) for loop in supervised}
    try:
        yield supervised
    finally:
        for loop in supervised:
            loop.stop()
        if tasks:
            # Cancelling a query would cost its connection.
            _, unfinished = await asyncio.wait(tasks, timeout=stopping.MAX_LAST_PASS_SECONDS)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
