"""Worker processes. One that dies is replaced."""

import asyncio
import json
import math
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from typing import Any, Self

import structlog
from shared.background import Loop, SupervisedLoop

from scoring.errors import ProviderTimeout, ProviderUnavailable
from scoring.providers.pocketsphinx.wire import LENGTHS, pack

log = structlog.get_logger(__name__)

START_TIMEOUT_SECONDS = 30.0
RESTART_DELAY_SECONDS = 1.0
INHERITED_ENV = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME", "LANG", "LC_ALL")
"""A worker gets what it needs to start, but no addresses and no secrets."""
ALLOCATOR_ENV = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}
"""One thread per worker. Without the malloc settings, glibc keeps the memory of a long recording."""


class Worker:
    def __init__(self, process: Process, connection: socket.socket) -> None:
        self.process, self._connection = process, connection

    @classmethod
    async def start(cls) -> Self:
        """Start a process and wait until it has loaded its model. Raises OSError or TimeoutError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                worker = cls(await _spawn(theirs.fileno()), ours)
        except BaseException:
            ours.close()
            raise
        try:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                await worker._receive()
        except BaseException:
            await worker.stop()
            raise
        return worker

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def call(self, head: Any, body: memoryview) -> dict[str, Any]:
        """Send a request and return its answer. Raises OSError when the process dies."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._connection, pack(head, len(body)))
        await loop.sock_sendall(self._connection, body)
        return await self._receive()

    async def _receive(self) -> dict[str, Any]:
        length, _ = LENGTHS.unpack(await self._receive_exactly(LENGTHS.size))
        answer: dict[str, Any] = json.loads(await self._receive_exactly(length))
        return answer

    async def _receive_exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        loop, got = asyncio.get_running_loop(), 0
        while got < length:
            received = await loop.sock_recv_into(self._connection, memoryview(data)[got:])
            if not received:
                raise ConnectionResetError("The worker has closed the connection.")
            got += received
        return data

    def kill(self) -> None:
        if self.is_alive:
            self.process.kill()

    async def stop(self) -> None:
        self.kill()
        await self.process.wait()
        self._connection.close()


async def _spawn(descriptor: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "scoring.providers.pocketsphinx.process", str(descriptor)),
        stdin=DEVNULL,
        stdout=DEVNULL,
        pass_fds=(descriptor,),
        env={name: os.environ[name] for name in INHERITED_ENV if name in os.environ} | ALLOCATOR_ENV,
    )


class WorkerPool:
    """A fixed number of workers and a bounded queue before them. A request times out, waiting included."""

    def __init__(self, *, count: int, queue_size: int, timeout_seconds: float) -> None:
        self._count, self._max_in_flight, self._timeout_seconds = count, count + queue_size, timeout_seconds
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._alive: set[Worker] = set()
        self.loops: Sequence[SupervisedLoop] = ()
        self._tasks: list[asyncio.Task[None]] = []
        self._in_flight = 0

    def start(self) -> None:
        # One pass is the life of one process.
        loop = Loop(
            name="scoring_worker",
            work=self._run_one,
            interval_seconds=0.0,
            max_retry_seconds=RESTART_DELAY_SECONDS,
            max_pass_seconds=math.inf,
        )
        self.loops = [SupervisedLoop(loop) for _ in range(self._count)]
        self._tasks = [asyncio.create_task(each.run()) for each in self.loops]

    async def close(self) -> None:
        for loop, task in zip(self.loops, self._tasks, strict=True):
            loop.stop()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_ready(self) -> bool:
        return any(worker.is_alive for worker in self._alive)

    async def run(self, head: Any, body: memoryview) -> dict[str, Any]:
        """Send a request to the next free worker. Raises ProviderUnavailable or ProviderTimeout."""
        if self._in_flight >= self._max_in_flight:
            raise ProviderUnavailable(
                "Too many recordings are being scored; try again in a moment.", retry_after=2
            )
        self._in_flight += 1
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._call(await self._acquire(), head, body)
        except TimeoutError as error:
            raise ProviderTimeout("The recording could not be scored in time.") from error
        except OSError as error:
            raise ProviderUnavailable(
                "Scoring was interrupted; try again in a moment.", retry_after=1
            ) from error
        finally:
            self._in_flight -= 1

    async def _acquire(self) -> Worker:
        while not (worker := await self._idle.get()).is_alive:
            pass  # it died while idle; its supervisor starts another one
        return worker

    async def _call(self, worker: Worker, head: Any, body: memoryview) -> dict[str, Any]:
        try:
            answer = await worker.call(head, body)
        except BaseException:
            # It crashed, took too long, or its client left. In no case is it ready for the next request.
            worker.kill()
            raise
        self._idle.put_nowait(worker)
        return answer

    async def _run_one(self) -> None:
        worker = await Worker.start()
        self._alive.add(worker)
        self._idle.put_nowait(worker)
        try:
            status = await worker.process.wait()
            log.warning("worker_died", status=status)
        finally:
            self._alive.discard(worker)
            await worker.stop()
