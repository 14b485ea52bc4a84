"""A TCP proxy in front of a server that can fall silent or reset its connections."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)


class Proxy:
    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def stall(self) -> None:
        """Keep accepting connections and bytes, but forward nothing."""
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def reset(self) -> None:
        """End all connections with RST."""
        for writer in self._writers:
            with suppress(OSError):
                peer: socket.socket = writer.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        self._writers.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._tasks.add(task := asyncio.create_task(self._connect(reader, writer)))
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        with suppress(OSError):
            upstream_reader, upstream_writer = await asyncio.open_connection(self._host, self._port)
            self._writers.append(upstream_writer)
            await asyncio.gather(self._pass(reader, upstream_writer), self._pass(upstream_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, RuntimeError):
            while data := await reader.read(65_536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
            writer.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.reset()


@asynccontextmanager
async def run_proxy(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Yield a proxy, and the URL of its server as seen through it."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    proxy = Proxy(address.hostname, address.port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    netloc = address.netloc.rpartition("@")[0] + "@" * ("@" in address.netloc) + f"127.0.0.1:{proxy.port}"
    try:
        yield proxy, address._replace(netloc=netloc).geturl()
    finally:
        server.close()
        await proxy.close()
