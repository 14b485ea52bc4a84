"""Send requests that no well-behaved client library would send."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import h11
import httpx

from gateway.tests.envoy import Gateway

GIGABYTE = 1_000_000_000


async def send_raw(gateway: Gateway, *lines: str, body: bytes = b"") -> httpx.Response:
    """Send these header lines and this body unchanged, and return the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return await read_response(reader)
    finally:
        writer.close()


async def read_response(reader: asyncio.StreamReader) -> httpx.Response:
    """Return the first response."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    head: h11.Response | None = None
    content = b""
    async with asyncio.timeout(20):
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                content += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
    assert head is not None
    return httpx.Response(head.status_code, headers=list(head.headers), content=content)


async def split_into_chunks(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 65536):
        yield b"x" * min(65536, size - start)


@dataclass
class Outcome:
    """The outcome of sending a gigabyte."""

    answer: httpx.Response
    seconds: float
    bytes_sent: int


async def send_a_gigabyte(gateway: Gateway, address: str, header: str, *, chunked: bool) -> Outcome:
    """Send and read at the same time, as most clients do."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {GIGABYTE}"
    block = b"10000\r\n" + b"x" * 65536 + b"\r\n" if chunked else b"x" * 65536
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=2**20)
    started = time.perf_counter()
    reading_task = asyncio.create_task(read_response(reader))
    writer.write(f"POST {address} HTTP/1.1\r\nHost: x\r\n{header}{framing}\r\n\r\n".encode())
    sent = 0
    while not reading_task.done() and sent < GIGABYTE:
        writer.write(block)
        sent += len(block)
        await asyncio.wait(
            [reading_task, asyncio.ensure_future(writer.drain())], return_when="FIRST_COMPLETED"
        )
    outcome = Outcome(await reading_task, time.perf_counter() - started, sent)
    writer.transport.abort()
    return outcome


async def trickle(gateway: Gateway, head: bytes, chunk: bytes) -> tuple[httpx.Response, float]:
    """Send the chunk repeatedly until there is a response, and return it with the elapsed seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    started = time.perf_counter()
    reading_task = asyncio.create_task(read_response(reader))
    writer.write(head)
    while not reading_task.done():
        writer.write(chunk)
        await asyncio.wait([reading_task], timeout=0.1)
    writer.close()
    return await reading_task, time.perf_counter() - started
