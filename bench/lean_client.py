"""An HTTP client with minimal overhead, so that measurements show the server."""

import asyncio
import json
import time
from types import TracebackType
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """A response, and the time from the first byte sent to the last byte read."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Connection:
    """A persistent HTTP/1.1 connection for one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with a JSON body, bytes of the type in `headers`, or none, and read the response."""
        is_json = body is not None and not isinstance(body, bytes)
        content = json.dumps(body).encode() if is_json else body or b""
        lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(content)}"]
        lines += ["Content-Type: application/json"] if is_json else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        started = time.perf_counter()
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        status, *fields = (await self._reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        response_headers = dict(field.lower().split(": ", 1) for field in fields)
        read = await self._reader.readexactly(int(response_headers.get("content-length", "0")))
        return Answer(int(status.split()[1]), response_headers, read, time.perf_counter() - started)
