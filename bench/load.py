"""Clients that send their next request after each response, with as little overhead as Python allows."""

import asyncio
import time
from dataclasses import dataclass

CLIENTS = 16


@dataclass(frozen=True)
class Target:
    """A POST request to send repeatedly."""

    port: int
    path: str
    token: str
    body: bytes = b'{"level": "A1"}'

    def encode(self) -> bytes:
        """Encode the request."""
        lines = (
            f"POST {self.path} HTTP/1.1",
            "Host: bench",
            f"Authorization: Bearer {self.token}",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
        )
        return "\r\n".join((*lines, "", "")).encode() + self.body


async def measure_rate(target: Target, *, seconds: float) -> float:
    """Measure the rate of all clients together. Raises AssertionError on any status but 200."""
    started = time.perf_counter()
    counts = await asyncio.gather(*(_send_until(target, started + seconds) for _ in range(CLIENTS)))
    return sum(counts) / (time.perf_counter() - started)


async def _send_until(target: Target, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    request, count = target.encode(), 0
    while time.perf_counter() < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        count += 1
    writer.close()
    return count
