"""A confined process, as seen by its parent."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, Self

from shared.confined.wire import LENGTHS, pack

START_TIMEOUT_SECONDS = 30.0
INHERITED_ENV = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME", "LANG", "LC_ALL")
"""The variables that a worker needs to start: no addresses and no secrets."""
ALLOCATOR_ENV = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}
"""One thread per worker. Without the malloc settings, glibc keeps the memory of a long recording."""


type ReserveBody = Callable[[int], memoryview]
"""Returns a buffer for a body of that many bytes, or raises an OSError."""


def refuse_body(size: int) -> memoryview:
    raise ConnectionAbortedError(f"The worker sent {size} bytes without a request.")


class ProcessHandle(Protocol):
    """The part of asyncio's Process that a worker uses."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...


class Worker:
    def __init__(self, process: ProcessHandle, connection: socket.socket) -> None:
        self.process, self._connection = process, connection

    @classmethod
    async def start(cls, module: str) -> Self:
        """Run `python -m module`, and wait until it is ready. Raises OSError or TimeoutError."""
        return await cls.connect(partial(_spawn, module))

    @classmethod
    async def connect(cls, create: Callable[[int], Awaitable[ProcessHandle]]) -> Self:
        """Start a process with a socket's descriptor, and wait until it is ready."""
        parent_socket, child_socket = socket.socketpair()
        parent_socket.setblocking(False)
        try:
            with child_socket:
                worker = cls(await create(child_socket.fileno()), parent_socket)
        except BaseException:
            parent_socket.close()
            raise
        try:
            await worker.wait_until_ready()
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def wait_until_ready(self) -> None:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            await self.receive()

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def call(
        self, head: Any, body: memoryview, *, reserve: ReserveBody = refuse_body
    ) -> dict[str, Any]:
        """Send a request and return the response, whose body is written to the buffer from `reserve`. Raises
        OSError when the process dies, and the errors of `reserve`.
        """
        await self._send(pack(head, len(body)))
        await self._send(body)
        return await self.receive(reserve)

    async def call_with_chunks(
        self, head: Any, chunks: AsyncIterator[bytes], *, size: int, timeout_seconds: float
    ) -> dict[str, Any]:
        """Like `call`, with a streamed body of `size` bytes; time spent waiting for it does not count.

        Raises EOFError if there are more or fewer bytes, and TimeoutError.
        """
        await self._send(pack(head, size))
        sent = 0
        async for chunk in chunks:
            sent += len(chunk)
            if sent > size:
                break
            async with asyncio.timeout(timeout_seconds):
                await self._send(chunk)
        if sent != size:
            raise EOFError(f"Of {size} bytes, {sent} have arrived.")
        async with asyncio.timeout(timeout_seconds):
            return await self.receive()

    def send_descriptor(self, descriptor: int) -> None:
        """Send a byte with a descriptor. Raises OSError."""
        socket.send_fds(self._connection, [b"."], [descriptor])

    async def _send(self, data: bytes | memoryview) -> None:
        await asyncio.get_running_loop().sock_sendall(self._connection, data)

    async def receive(self, reserve: ReserveBody = refuse_body) -> dict[str, Any]:
        head_length, body_length = LENGTHS.unpack(await self._receive_exactly(LENGTHS.size))
        response: dict[str, Any] = json.loads(await self._receive_exactly(head_length))
        if body_length:
            await self._fill(reserve(body_length))
        return response

    async def _receive_exactly(self, length: int) -> bytearray:
        data = bytearray(length)
        await self._fill(memoryview(data))
        return data

    async def _fill(self, buffer: memoryview) -> None:
        loop, received_bytes = asyncio.get_running_loop(), 0
        while received_bytes < len(buffer):
            received = await loop.sock_recv_into(self._connection, buffer[received_bytes:])
            if not received:
                raise ConnectionResetError("The worker has closed the connection.")
            received_bytes += received

    def kill(self) -> None:
        # `process.kill` may fetch the exit status itself; asyncio would then report 255.
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        self.kill()
        await self.process.wait()
        try:
            # Without a shutdown, a pending call on the closed socket would never return.
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)
        finally:
            self._connection.close()


async def _spawn(module: str, descriptor: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, str(descriptor)),
        stdin=DEVNULL,
        stdout=DEVNULL,
        pass_fds=(descriptor,),
        env={name: os.environ[name] for name in INHERITED_ENV if name in os.environ} | ALLOCATOR_ENV,
    )
