"""A fixed number of confined processes. One that dies is replaced."""

import asyncio
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog

from shared.background import Loop, SupervisedLoop
from shared.confined.template import Template
from shared.confined.worker import ReserveBody, Worker, refuse_body

log = structlog.get_logger(__name__)

RESTART_DELAY_SECONDS = 1.0
REPLACEMENT_SECONDS = 5.0
"""Maximum wait for a worker that is being started."""


class NoWorkerFree(Exception):
    """No worker became free in time. Nothing was started."""


class WorkerDied(OSError):
    """The worker ended during a request. `status` is its exit code, or the negative number of a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The worker has ended with status {status}.")
        self.status = status


class WorkerPool:
    """A fixed number of workers without a queue: callers send at most as many concurrent requests as there
    are workers. Only requests that a worker has started can time out, so time spent waiting for others does
    not count. `forking`: workers are forked from one template process instead of started individually.
    """

    def __init__(self, module: str, *, count: int, timeout_seconds: float, forking: bool = False) -> None:
        self.count, self._timeout_seconds = count, timeout_seconds
        self._template = Template(module) if forking else None
        self._start_worker = self._template.fork if self._template else partial(Worker.start, module)
        # None when the pool is closed.
        self._idle: asyncio.Queue[Worker | None] = asyncio.Queue()
        self._alive: set[Worker] = set()
        self.loops: Sequence[SupervisedLoop] = ()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        # One pass is the lifetime of one process.
        loop = Loop(
            name="confined_worker",
            work=self._run_one,
            interval_seconds=0.0,
            max_retry_seconds=RESTART_DELAY_SECONDS,
            max_pass_seconds=math.inf,
        )
        self.loops = [SupervisedLoop(loop) for _ in range(self.count)]
        self._tasks = [asyncio.create_task(supervised.run()) for supervised in self.loops]

    async def close(self) -> None:
        self._idle.put_nowait(None)
        for loop, task in zip(self.loops, self._tasks, strict=True):
            loop.stop()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._template:
            await self._template.close()

    @property
    def is_ready(self) -> bool:
        return any(worker.is_alive for worker in self._alive)

    async def run(self, head: Any, body: memoryview, *, reserve: ReserveBody = refuse_body) -> dict[str, Any]:
        """Call a free worker. Raises NoWorkerFree, WorkerDied or TimeoutError."""
        worker = await self._acquire()
        async with asyncio.timeout(self._timeout_seconds):
            return await self._call(worker, head, body, reserve)

    async def _acquire(self) -> Worker:
        # Callers never outnumber workers, so a worker that is not free is being replaced.
        try:
            async with asyncio.timeout(REPLACEMENT_SECONDS):
                return await self._get_idle()
        except TimeoutError:
            raise NoWorkerFree from None

    async def _get_idle(self) -> Worker:
        while (worker := await self._idle.get()) is not None:
            # A worker that died while idle is replaced by its supervisor.
            if worker.is_alive:
                return worker
        self._idle.put_nowait(None)
        raise NoWorkerFree

    async def _call(
        self, worker: Worker, head: Any, body: memoryview, reserve: ReserveBody
    ) -> dict[str, Any]:
        try:
            response = await worker.call(head, body, reserve=reserve)
        except BaseException as error:
            # The worker crashed, took too long, or lost its client: it is not ready for another request.
            worker.kill()
            # A process that has already exited keeps its status.
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise WorkerDied(await worker.process.wait()) from error
            raise
        self._idle.put_nowait(worker)
        return response

    async def _run_one(self) -> None:
        worker = await self._start_worker()
        self._alive.add(worker)
        self._idle.put_nowait(worker)
        try:
            status = await worker.process.wait()
            log.warning("worker_died", status=status)
        finally:
            self._alive.discard(worker)
            await worker.stop()
