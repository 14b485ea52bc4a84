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
class ReceivedRequest:
    """A request that the stand-in received."""

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

    `?drop=1` closes the connection, `?deaf=` reads no body for that many seconds.
    """

    name: str
    documents: dict[str, Any] = field(default_factory=dict)
    ready: tuple[int, str] = (200, READY)
    ready_delay: float = 0.0
    gate: tuple[int, dict[str, str], str] = (200, {"authorization": "Bearer from-auth"}, "")
    requests: list[ReceivedRequest] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        """Listen on the same port as before, if there was one."""
        self._server = await asyncio.start_server(self._serve_connection, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections and close the open ones."""
        if self._server is not None:
            self._server.close()
            for writer in self._open:
                writer.close()
            await self._server.wait_closed()
            self._server = None

    def get_last(self, target: str) -> ReceivedRequest:
        """Return the last request to the target. The gateway also requests keys and readiness."""
        return next(request for request in reversed(self.requests) if request.target == target)

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
        request = await self._receive(connection, reader)
        if request is None or not request.complete:
            return False
        params = dict(parse_qsl(urlsplit(request.target).query))
        if "drop" in params:
            return False
        is_readiness = request.target == "/ready"
        await asyncio.sleep(self.ready_delay if is_readiness else float(params.get("delay", 0)))
        status, body = self.ready if is_readiness else self._answer(request, params)
        gate_headers: dict[str, str] = {}
        if request.target.startswith(GATE):
            status, body = self.gate[0], self.gate[2]
            gate_headers = dict(self.gate[1])
        headers = [
            ("content-type", gate_headers.pop("content-type", params.get("type", "application/json"))),
            *gate_headers.items(),
            ("content-length", str(len(body))),
            ("server", "stand-in"),
            *[("x-request-id", value) for value in request.list_values("x-request-id")],
            ("x-powered-by", "stand-in"),
            ("x-envoy-upstream-service-time", "1"),
            *[
                (key, params[key])
                for key in ("etag", "cache-control", "content-security-policy")
                if key in params
            ],
        ]
        response = h11.Response(status_code=status, headers=headers)
        writer.write(connection.send(response) or b"")
        first_half = len(body) // 2 if "pause" in params else 0
        writer.write(connection.send(h11.Data(body[:first_half].encode())) or b"")
        await asyncio.sleep(float(params.get("pause", 0)))
        writer.write(
            connection.send(h11.Data(body[first_half:].encode() if request.method != "HEAD" else b"")) or b""
        )
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return connection.our_state is h11.DONE

    async def _receive(
        self, connection: h11.Connection, reader: asyncio.StreamReader
    ) -> ReceivedRequest | None:
        request: ReceivedRequest | None = None
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                headers = [(name.decode(), value.decode()) for name, value in event.headers]
                request = ReceivedRequest(event.method.decode(), event.target.decode(), headers)
                if request.target != "/health":
                    self.requests.append(request)
                await asyncio.sleep(float(dict(parse_qsl(urlsplit(request.target).query)).get("deaf", 0)))
            elif isinstance(event, h11.Data) and request is not None:
                request.body_bytes += len(event.data)
            else:
                if request is not None:
                    request.complete = isinstance(event, h11.EndOfMessage)
                return request

    def _answer(self, request: ReceivedRequest, params: dict[str, str]) -> tuple[int, str]:
        if request.target in self.documents:
            return 200, json.dumps(self.documents[request.target])
        echo = {
            "service": self.name,
            "method": request.method,
            "target": request.target,
            "body_bytes": request.body_bytes,
        }
        return int(params.get("status", 200)), json.dumps(echo | {"filler": "x" * int(params.get("size", 0))})


@asynccontextmanager
async def run_stand_ins(jwks: dict[str, Any]) -> AsyncIterator[dict[str, StandIn]]:
    """Run a stand-in for every service and every worker on free ports until the block ends."""
    names = [service.name for service in SERVICES]
    names += [f"{service.name}-worker" for service in DATABASE_OWNERS]
    running = {name: StandIn(name) for name in names}
    running["auth"].documents["/.well-known/jwks.json"] = jwks
    for service in running.values():
        await service.start()
    try:
        yield running
    finally:
        for service in running.values():
            await service.stop()
