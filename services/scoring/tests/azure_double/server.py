"""The server, with a record of each connection."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from tests.azure_double.frames import Message, parse_frame
from tests.azure_double.scripts import Script, refuses, scores
from tests.azure_double.turns import Turn
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response
from websockets.typing import Subprotocol

HOST = "127.0.0.1"
PATH = "/stt/speech/universal/v2"
KEY = "a-key-that-opens-only-the-double"


@dataclass
class Connection:
    """A connection that a client opened, successful or not."""

    script: Script
    path: str
    key: str
    session_id: str
    """The SDK's session id: the same for all connections of one recognition."""
    status: int | None = None
    """The HTTP status of the handshake, or None without a response."""
    messages: list[str] = field(default_factory=list)
    """The paths of the client's messages, without those of audio."""
    turns: list[Turn] = field(default_factory=list)

    @property
    def audio_bytes(self) -> int:
        return sum(turn.audio_bytes for turn in self.turns)


class AzureDouble:
    """Listens on this machine only. Tests replace its scripts and read its connections."""

    def __init__(
        self, *scripts: Script, keeps_audio: bool = True, remembers: int | None = None, key: str = KEY
    ) -> None:
        self.connections: deque[Connection] = deque(maxlen=remembers)
        """All connections since `plays`, or the last ones if it remembers only so many."""
        self.connected = 0
        """How many connections there were since `plays`."""
        self.in_work = 0
        """Turns without a complete response."""
        self.faults: list[BaseException] = []
        """Errors of the double itself, which `listening` raises at its end."""
        self._scripts: Sequence[Script] = scripts or (scores(),)
        self._keeps_audio, self._key = keeps_audio, key
        self._sockets: set[ServerConnection] = set()
        self._records: WeakKeyDictionary[ServerConnection, Connection] = WeakKeyDictionary()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """The `endpoint` of a speech configuration."""
        assert self._server is not None, "the double is not listening"
        return f"ws://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def turns(self) -> list[Turn]:
        return [turn for connection in self.connections for turn in connection.turns]

    @property
    def open_connections(self) -> int:
        return len(self._sockets)

    def play(self, *scripts: Script) -> None:
        """Clear the records, and play one script per connection, the last one for all further connections."""
        self.connections.clear()
        self.connected, self._scripts = 0, scripts

    @asynccontextmanager
    async def listen(self, port: int = 0) -> AsyncIterator["AzureDouble"]:
        """Serve while the block runs. Raises the faults of the double at its end."""
        self._server = await serve(
            self._serve,
            HOST,
            port,
            process_request=self._handle_handshake,
            subprotocols=[Subprotocol("USP")],
            compression=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=1,
            max_size=None,
        )
        try:
            yield self
        finally:
            await self._stop(self._server)
        if self.faults:
            raise BaseExceptionGroup("the double failed", self.faults)

    async def _stop(self, server: Server) -> None:
        for socket in self._sockets:
            socket.transport.abort()
        server.close()
        await server.wait_closed()

    async def _handle_handshake(self, socket: ServerConnection, request: HttpRequest) -> Response | None:
        connection = self._records[socket] = self._remember(request)
        self._sockets.add(socket)
        try:
            response = await connection.script.handshake(socket)
        finally:
            self._sockets.discard(socket)
        if not socket.transport.is_closing():
            connection.status = response.status_code if response else 101
        return response

    def _remember(self, request: HttpRequest) -> Connection:
        connection = Connection(
            script=self._scripts[min(self.connected, len(self._scripts) - 1)],
            path=urlsplit(request.path).path,
            key=request.headers.get("Ocp-Apim-Subscription-Key", ""),
            session_id=request.headers.get("X-ConnectionId", ""),
        )
        if connection.path != PATH:
            connection.script = refuses(404)
        elif connection.key != self._key:
            connection.script = refuses(401)
        self.connections.append(connection)
        self.connected += 1
        return connection

    async def _serve(self, socket: ServerConnection) -> None:
        connection, responses = self._records[socket], set[asyncio.Task[None]]()
        self._sockets.add(socket)
        try:
            async for frame in socket:
                await self._take(socket, connection, parse_frame(frame), responses)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)
            for response in responses:
                response.cancel()

    async def _take(
        self,
        socket: ServerConnection,
        connection: Connection,
        message: Message,
        responses: set[asyncio.Task[None]],
    ) -> None:
        if message.path == "audio":
            for turn in connection.turns:
                if turn.request_id == message.request_id:
                    await turn.add(message)
            return
        connection.messages.append(message.path)
        if message.path == "speech.context":
            turn = Turn(message.request_id, message.json(), socket, self._keeps_audio)
            connection.turns.append(turn)
            response = asyncio.create_task(self._answer(connection, turn))
            responses.add(response)

    async def _answer(self, connection: Connection, turn: Turn) -> None:
        self.in_work += 1
        try:
            await connection.script.respond(turn)
        except ConnectionClosed:
            pass
        except Exception as fault:
            self.faults.append(fault)
        finally:
            self.in_work -= 1
