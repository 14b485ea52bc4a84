"""One turn of a connection: the client's request and audio, and the messages of the response."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.azure_double.frames import Message, format_frame
from tests.azure_double.speech import TICKS_PER_SECOND, Request
from websockets.asyncio.server import ServerConnection

WAV_HEADER_BYTES = 44


@dataclass
class Turn:
    """A recognition, from speech.context to turn.end."""

    request_id: str
    context: Mapping[str, Any]
    connection: ServerConnection
    keeps_audio: bool
    audio: bytearray = field(default_factory=bytearray)
    """The samples that arrived, without the WAV header, unless the server keeps none."""
    audio_bytes: int = 0
    """How many there were."""
    wav_header: bytes = b""
    has_ended: bool = False
    """Whether the client has marked the end of its audio."""
    is_silent: bool = True
    sent: list[str] = field(default_factory=list)
    """Paths of the messages sent in the turn, in order."""
    _arrival: asyncio.Condition = field(default_factory=asyncio.Condition)

    @cached_property
    def request(self) -> Request:
        return Request.from_context(self.context)

    @property
    def bytes_per_second(self) -> int:
        return int.from_bytes(self.wav_header[28:32], "little")

    @property
    def ticks(self) -> int:
        """The duration of its audio by the header that the client sent."""
        return self.audio_bytes * TICKS_PER_SECOND // max(self.bytes_per_second, 1)

    async def add(self, message: Message) -> None:
        """Take one frame of audio."""
        async with self._arrival:
            samples = self._without_header(message.body)
            self.audio_bytes += len(samples)
            self.is_silent = self.is_silent and not any(samples)
            self.has_ended = self.has_ended or not message.body
            if self.keeps_audio:
                self.audio += samples
            self._arrival.notify_all()

    def _without_header(self, body: bytes) -> bytes:
        missing = WAV_HEADER_BYTES - len(self.wav_header)
        self.wav_header += body[:missing]
        return body[missing:]

    async def receive(self, min_bytes: int | None = None) -> None:
        """Wait until so much audio has arrived, or all of it."""
        async with self._arrival:
            await self._arrival.wait_for(
                lambda: self.has_ended or (min_bytes is not None and self.audio_bytes >= min_bytes)
            )

    async def send(self, path: str, body: Any = None, *, request_id: str | None = None) -> None:
        """Send a message: a string unchanged, other values as JSON."""
        text = body if isinstance(body, str) else json.dumps(body or {})
        await self.connection.send(format_frame(path, request_id or self.request_id, text))
        self.sent.append(path)

    async def start(self, *, request_id: str | None = None) -> None:
        context = {"context": {"serviceTag": uuid.uuid4().hex}}
        await self.send("turn.start", context, request_id=request_id)

    async def close(self, code: int, reason: str = "") -> None:
        """Close the WebSocket with this code."""
        await self.connection.close(code, reason)

    def reset(self) -> None:
        """Reset the TCP connection."""
        self.connection.transport.abort()
