"""Send requests that no well-behaved client library would send."""

import asyncio

import h11
import httpx

from gateway.tests.envoy import Gateway


async def converse(gateway: Gateway, *lines: str, body: bytes = b"") -> httpx.Response:
    """Send these header lines and this body unchanged, and return the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return await read_answer(reader)
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> httpx.Response:
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
