"""Forks workers from a preloaded process, whose memory they share until they write to it."""

import asyncio
import os
import signal
from contextlib import suppress

from shared.confined.worker import START_TIMEOUT_SECONDS, Worker


class ForkedProcess:
    """A child of the template, which reports its end."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        return self._status.result() if self._status.done() else None

    async def wait(self) -> int:
        status: int = await asyncio.shield(self._status)
        return status

    def end(self, status: int) -> None:
        self._status.set_result(status)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.end(-signal.SIGKILL)


class Template:
    """A process of a module that calls `fork_on_request`. It starts with the first fork."""

    def __init__(self, module: str) -> None:
        self._module, self._forking = module, asyncio.Lock()
        self._loaded: Worker | None = None
        self._follower: asyncio.Task[None] | None = None
        # None when the template has ended.
        self._forked = asyncio.Queue[ForkedProcess | None]()
        self._children = dict[int, ForkedProcess]()

    async def fork(self) -> Worker:
        """Return a worker that is ready. Raises OSError or TimeoutError."""
        return await Worker.connect(self._fork)

    async def close(self) -> None:
        if self._loaded and self._follower:
            await self._loaded.stop()
            await self._follower

    async def _fork(self, descriptor: int) -> ForkedProcess:
        async with self._forking:
            loaded = await self._load()
            try:
                loaded.send_descriptor(descriptor)
                async with asyncio.timeout(START_TIMEOUT_SECONDS):
                    forked = await self._forked.get()
            except BaseException:
                # The next caller would get this process.
                await self.close()
                raise
        if forked is None:
            raise ConnectionResetError("The template has ended.")
        return forked

    async def _load(self) -> Worker:
        if self._loaded is None or self._follower is None or self._follower.done():
            self._forked = asyncio.Queue()
            self._loaded = await Worker.start(self._module)
            self._follower = asyncio.create_task(self._handle_reports(self._loaded))
        return self._loaded

    async def _handle_reports(self, loaded: Worker) -> None:
        """Handle the template's reports. No forked process outlives it."""
        with suppress(OSError):
            while report := await loaded.receive():
                self._handle_report(report)
        await loaded.stop()
        self._forked.put_nowait(None)
        for child in self._children.values():
            child.kill()
        self._children.clear()

    def _handle_report(self, report: dict[str, int]) -> None:
        if "forked" in report:
            child = self._children[report["forked"]] = ForkedProcess(report["forked"])
            self._forked.put_nowait(child)
        else:
            self._children.pop(report["ended"]).end(report["status"])
