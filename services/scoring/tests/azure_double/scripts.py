"""Scripted behaviour on a connection: the response to the handshake, and the response to a turn."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.azure_double.speech import (
    TICKS_PER_SECOND,
    Json,
    make_phrase,
    make_status,
    mark_words,
    time_words,
    to_words,
)
from tests.azure_double.turns import Turn
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

PHRASE_SECONDS = 30
"""The longest stretch of audio in one phrase."""

NO_REQUEST_ID = "0" * 32

type Handshake = Callable[[ServerConnection], Awaitable[Response | None]]
type Respond = Callable[[Turn], Awaitable[None]]


async def accept(connection: ServerConnection) -> None:
    """Accept the handshake."""


async def ignore(turn: Turn) -> None:
    """Send nothing."""


@dataclass(frozen=True)
class Script:
    """The behaviour on one connection."""

    respond: Respond = ignore
    handshake: Handshake = accept


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores the reference text, or `transcript` instead of it. Digital silence is no speech."""

    transcript: str | None = None
    weak: Collection[str] = ()
    """Words that are mispronounced."""
    phrases: int | None = None
    """How many phrases the speech has; by default one for each half minute."""
    omitted_paths: Collection[str] = ()
    """Paths of messages that are not sent."""
    delay_seconds: float = 0
    change: Callable[[Json], Any] = field(default=lambda phrase: phrase)
    """Returns what to send in place of a phrase. A string is sent as it is."""

    async def __call__(self, turn: Turn) -> None:
        if "turn.start" not in self.omitted_paths:
            await turn.start()
        await turn.receive()
        await asyncio.sleep(self.delay_seconds)
        for phrase in self._build_phrases(turn):
            await self._send_phrase(turn, phrase)
        if "turn.end" not in self.omitted_paths:
            await turn.send("turn.end")

    def _build_phrases(self, turn: Turn) -> list[Json]:
        if turn.is_silent:
            return [make_status("InitialSilenceTimeout", 0, turn.ticks)]
        words = turn.request.reference_words if self.transcript is None else to_words(self.transcript)
        marked = mark_words(turn.request, words, weak=self.weak)
        count = self.phrases or -(-turn.ticks // (PHRASE_SECONDS * TICKS_PER_SECOND))
        phrases = []
        for number in range(count):
            start, end = (turn.ticks * edge // count for edge in (number, number + 1))
            first, last = (len(marked) * edge // count for edge in (number, number + 1))
            spoken = time_words(marked[first:last], start=start, end=end)
            phrases.append(make_phrase(turn.request, spoken, start=start, end=end))
        # A single-shot recognition ends with the first phrase, even if more audio follows.
        return phrases if turn.request.is_continuous else phrases[:1]

    async def _send_phrase(self, turn: Turn, phrase: Json) -> None:
        start, duration = phrase["Offset"], phrase["Duration"]
        if phrase["RecognitionStatus"] == "Success":
            hypothesis = {"Text": phrase["DisplayText"], "Offset": start, "Duration": duration}
            await turn.send("speech.startDetected", {"Offset": start})
            await turn.send("speech.hypothesis", hypothesis)
            await turn.send("speech.endDetected", {"Offset": start + duration})
        if "speech.phrase" not in self.omitted_paths:
            await turn.send("speech.phrase", self.change(phrase))


def scores(**how: Any) -> Script:
    """Return a script that scores the reference text; `how` are the fields of Scores."""
    return Script(Scores(**how))


def send_result(body: Any) -> Script:
    """Return a script that sends a phrase with this body as its only result."""

    async def respond(turn: Turn) -> None:
        await turn.start()
        await turn.receive()
        await turn.send("speech.phrase", body)
        await turn.send("turn.end")

    return Script(respond)


def send_wrong_turn() -> Script:
    """Return a script that sends messages with another request id."""

    async def respond(turn: Turn) -> None:
        await turn.start(request_id=NO_REQUEST_ID)
        await turn.receive()
        for path, body in (("speech.phrase", make_status("NoMatch")), ("turn.end", {})):
            await turn.send(path, body, request_id=NO_REQUEST_ID)

    return Script(respond)


def refuses(status: int, headers: Mapping[str, str] | None = None) -> Script:
    """Return a script that rejects the handshake with this HTTP status."""

    async def handshake(connection: ServerConnection) -> Response:
        response = connection.respond(HTTPStatus(status), f"{status}\n")
        response.headers.update(headers or {})
        return response

    return Script(handshake=handshake)


def ignore_handshake() -> Script:
    """Return a script that never responds to the handshake."""

    async def handshake(connection: ServerConnection) -> None:
        await connection.wait_closed()

    return Script(handshake=handshake)


def close_during_handshake() -> Script:
    """Return a script that closes the TCP connection during the handshake."""

    async def handshake(connection: ServerConnection) -> None:
        connection.transport.close()

    return Script(handshake=handshake)


def close_websocket(code: int, reason: str = "", *, after_bytes: int | None = 0) -> Script:
    """Return a script that closes the WebSocket after this many bytes of audio (None: all)."""

    async def respond(turn: Turn) -> None:
        await turn.start()
        await turn.receive(after_bytes)
        await turn.close(code, reason)

    return Script(respond)


def reset_connection(*, after_bytes: int | None = 0) -> Script:
    """Return a script that resets the TCP connection after this many bytes of audio (None: all)."""

    async def respond(turn: Turn) -> None:
        await turn.start()
        await turn.receive(after_bytes)
        turn.reset()

    return Script(respond)


def reset_after_phrase(transcript: str, *, seconds: float) -> Script:
    """Return a script that sends a phrase for the first seconds, then resets the TCP connection."""

    async def respond(turn: Turn) -> None:
        await turn.start()
        await turn.receive(1)
        await turn.receive(int(turn.bytes_per_second * seconds))
        end = int(seconds * TICKS_PER_SECOND)
        words = time_words(mark_words(turn.request, to_words(transcript), weak=()), start=0, end=end)
        await turn.send("speech.phrase", make_phrase(turn.request, words, start=0, end=end))
        await asyncio.sleep(0.2)  # The client must have read the phrase when the connection breaks.
        turn.reset()

    return Script(respond)
