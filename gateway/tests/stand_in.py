"""A stand-in for a service: it echoes requests, or misbehaves as the query string specifies."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

from deploy.services import DATABASE_OWNERS, SERVICES

# The gateway calls auth here before it forwards a request to a page of the panel.
GATE = "/internal/panel-session"
READY = json.dumps({"status": "ready", "checks": {"postgres": "ok"}})


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body_bytes: int = 0
    complete: bool = False

    def list_values(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]


@dataclass
class StandIn:
    """`?status=`, `?size=` and `?type=` set the response, `?delay=` and `?pause=` slow it down.

    `?drop=1` hangs up, `?deaf=` reads no body for so many seconds.
    """

    name: str
    documents: dict[str, Any] = field(default_factory=dict)
    ready: tuple[int, str] = (200, READY)
    ready_delay: float = 0.0
    gate: tuple[int, dict[str, str], str] = (200, {"authorization": "Bearer from-auth"}, "")
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        """Listen on the same port as before, if there was one."""
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections and close the open ones."""
        if self._server is not None:
            self._server.close()
            for writer in self._open:
                writer.close()
            await self._server.wait_closed()
            self._server = None

    def get_last(self, target: str) -> Seen:
        """Return the last request to the target. The gateway also requests keys and readiness."""
        return next(seen for seen in reversed(self.seen) if seen.target == target)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._exchange(connection, reader, writer):
                connection.start_next_cycle()
        except (ConnectionError, h11.ProtocolError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _exchange(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        seen = await self._receive(connection, reader)
        if seen is None or not seen.complete:
            return False
        asked = dict(parse_qsl(urlsplit(seen.target).query))
        if "drop" in asked:
            return False
        is_readiness = seen.target == "/ready"
        await asyncio.sleep(self.ready_delay if is_readiness else float(asked.get("delay", 0)))
        status, body = self.ready if is_readiness else self._answer(seen, asked)
        own: dict[str, str] = {}
        if seen.target.startswith(GATE):
            status, body = self.gate[0], self.gate[2]
            own = dict(self.gate[1])
        headers = [
            ("content-type", own.pop("content-type", asked.get("type", "application/json"))),
            *own.items(),
            ("content-length", str(len(body))),
            ("server", "stand-in"),
            *[("x-request-id", value) for value in seen.list_values("x-request-id")],
            ("x-powered-by", "stand-in"),
            ("x-envoy-upstream-service-time", "1"),
            *[
                (key, asked[key])
                for key in ("etag", "cache-control", "content-security-policy")
                if key in asked
            ],
        ]
        response = h11.Response(status_code=status, headers=headers)
        writer.write(connection.send(response) or b"")
        half = len(body) // 2 if "pause" in asked else 0
        writer.write(connection.send(h11.Data(body[:half].encode())) or b"")
        await asyncio.sleep(float(asked.get("pause", 0)))
        writer.write(connection.send(h11.Data(body[half:].encode() if seen.method != "HEAD" else b"")) or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return connection.our_state is h11.DONE

    async def _receive(self, connection: h11.Connection, reader: asyncio.StreamReader) -> Seen | None:
        seen: Seen | None = None
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                headers = [(name.decode(), value.decode()) for name, value in event.headers]
                seen = Seen(event.method.decode(), event.target.decode(), headers)
                if seen.target != "/health":
                    self.seen.append(seen)
                await asyncio.sleep(float(dict(parse_qsl(urlsplit(seen.target).query)).get("deaf", 0)))
            elif isinstance(event, h11.Data) and seen is not None:
                seen.body_bytes += len(event.data)
            else:
                if seen is not None:
                    seen.complete = isinstance(event, h11.EndOfMessage)
                return seen

    def _answer(self, seen: Seen, asked: dict[str, str]) -> tuple[int, str]:
        if seen.target in self.documents:
            return 200, json.dumps(self.documents[seen.target])
        echo = {
            "service": self.name,
            "method": seen.method,
            "target": seen.target,
            "body_bytes": seen.body_bytes,
        }
        return int(asked.get("status", 200)), json.dumps(echo | {"filler": "x" * int(asked.get("size", 0))})


@asynccontextmanager
async def run_stand_ins(jwks: dict[str, Any]) -> AsyncIterator[dict[str, StandIn]]:
    """Run a stand-in for every service and every worker on free ports until the block ends."""
    names = [service.name for service in SERVICES]
    names += [f"{service.name}-worker" for service in DATABASE_OWNERS]
    found = {name: StandIn(name) for name in names}
    found["auth"].documents["/.well-known/jwks.json"] = jwks
    for service in found.values():
        await service.start()
    try:
        yield found
    finally:
        for service in found.values():
            await service.stop()
