"""Everything that can happen to a recording of 9 MB between a client and its scores, with a canary in it."""

import asyncio
import secrets
import signal
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import numpy as np
import psutil
from numpy.typing import NDArray
from shared.audio.measurement import MAX_AUDIO_BYTES

SCORE = "/api/v1/speech/score"
LARGE_BYTES = 9_000_000
CANARY_EVERY = 4_096
"""One in each page of memory, so that every remainder is found."""
SOURCE_RATE = 192_000
DECODERS, SCORERS = "scoring.audio.", "scoring.providers."
BOUNDARY = "----canary"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def make_canary() -> bytes:
    """Return four samples of two channels that are nearly silent, and different in each run."""
    samples = [secrets.randbelow(1 << 52) / (1 << 52) * 1e-4 for _ in range(4)]
    return struct.pack("<4d", *samples)


def make_wav(data: bytes, *, kind: int, bits: int, rate: int, channels: int) -> bytes:
    size = bits // 8 * channels
    form = (16, kind, channels, rate, rate * size, size, bits)
    head = (b"RIFF", 36 + len(data), b"WAVEfmt ", *form, b"data", len(data))
    return struct.pack("<4sI8sIHHIIHH4sI", *head) + data


def plant(audio: bytes, canary: bytes, *, start: int = 44) -> bytes:
    marked = bytearray(audio)
    for position in range(start, len(marked) - len(canary), CANARY_EVERY):
        marked[position : position + len(canary)] = canary
    return bytes(marked)


def make_word() -> str:
    """Return words that no other text has together, in any order."""
    rare = ["zucchini", "walrus", "igloo", "trombone", "sundial", "avocado", "gazelle", "hammock", "lagoon"]
    return " ".join(secrets.choice(rare) for _ in range(5))


@dataclass
class Recordings:
    """Uploads of about 9 MB of a voice that reads a text, each with the canary in each of its pages.

    `word`, which no other text has, is in the text that is sent, and in the name of the file.
    """

    voice: NDArray[np.float32]
    reading_of: str
    canary: bytes = field(default_factory=make_canary)
    word: str = field(default_factory=make_word)

    @property
    def text(self) -> str:
        return f"{self.reading_of} {self.word}."

    @property
    def reading(self) -> bytes:
        """Two and a half seconds of speech, then silence, at the highest rate and depth that is accepted."""
        times = np.arange(LARGE_BYTES // 16) / SOURCE_RATE
        mono = np.interp(times, np.arange(len(self.voice)) / 16_000, self.voice, right=0.0)
        data = np.repeat(mono, 2).astype("<f8").tobytes()
        return plant(make_wav(data, kind=3, bits=64, rate=SOURCE_RATE, channels=2), self.canary)

    @property
    def silence(self) -> bytes:
        data = bytes(LARGE_BYTES)
        return plant(make_wav(data, kind=3, bits=64, rate=SOURCE_RATE, channels=2), self.canary)

    @property
    def too_long(self) -> bytes:
        data = bytes(LARGE_BYTES)
        return plant(make_wav(data, kind=1, bits=24, rate=48_000, channels=1), self.canary)

    @property
    def no_audio(self) -> bytes:
        return plant(b"This is no recording.\n" * (LARGE_BYTES // 22), self.canary, start=0)

    @property
    def too_large(self) -> bytes:
        return plant(self.silence + bytes(MAX_AUDIO_BYTES - LARGE_BYTES), self.canary)


@dataclass(frozen=True)
class Api:
    """A running API, and the token of a learner."""

    url: str
    token: str
    process: psutil.Process
    recordings: Recordings

    async def score(self, audio: bytes, **overrides: str) -> httpx.Response:
        fields = {"reference_text": self.recordings.text, **overrides}
        return await self.send(files={"audio": (f"{self.recordings.word}.wav", audio)}, data=fields)

    async def send(self, **request: object) -> httpx.Response:
        options: dict[str, object] = {"headers": {"Authorization": f"Bearer {self.token}"}, **request}
        async with httpx.AsyncClient(timeout=90) as client:
            return await client.post(f"{self.url}{SCORE}", **options)  # type: ignore[arg-type] # as in httpx

    async def send_and_leave(self, audio: bytes, *, share: float) -> None:
        """Send this share of a request, and close the connection without reading the response."""
        form = make_form(audio, self.recordings.text)
        head = f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n"
        head += f"Content-Type: {FORM_TYPE}\r\nContent-Length: {len(form)}\r\n\r\n"
        host, port = self.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode() + form[: int(len(form) * share)])
        with suppress(ConnectionError):
            await writer.drain()
            await asyncio.sleep(0.3)
            writer.close()
            await writer.wait_closed()

    def list_workers(self, module: str = "scoring.") -> list[psutil.Process]:
        """Return the confined processes whose module begins with this."""
        workers = []
        for process in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                workers += [process] if any(word.startswith(module) for word in process.cmdline()) else []
        return workers

    def signal_workers(self, module: str, number: int) -> None:
        for worker in self.list_workers(module):
            with suppress(psutil.NoSuchProcess):
                worker.send_signal(number)

    async def wait_until_idle(self) -> None:
        """Wait until the API and its workers have nothing more to do."""
        deadline, before = time.monotonic() + 60, -1.0
        while (used := self._measure_cpu_seconds()) != before:
            assert time.monotonic() < deadline, "The API does not come to rest."
            before = used
            await asyncio.sleep(0.5)

    def _measure_cpu_seconds(self) -> float:
        total = 0.0
        for process in (self.process, *self.list_workers()):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return round(total, 1)


def make_form(audio: bytes, text: str) -> bytes:
    text = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="reference_text"\r\n\r\n{text}\r\n'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
    return text.encode() + head.encode() + audio + f"\r\n--{BOUNDARY}--\r\n".encode()


async def send_reading(api: Api) -> httpx.Response:
    return await api.score(api.recordings.reading)


async def send_silence(api: Api) -> httpx.Response:
    return await api.score(api.recordings.silence)


async def send_file_without_audio(api: Api) -> httpx.Response:
    return await api.score(api.recordings.no_audio)


async def send_long_recording(api: Api) -> httpx.Response:
    return await api.score(api.recordings.too_long)


async def send_large_recording(api: Api) -> httpx.Response:
    return await api.score(api.recordings.too_large)


async def send_invalid_field(api: Api) -> httpx.Response:
    return await api.score(api.recordings.reading, language="xx")


async def send_foreign_text(api: Api) -> httpx.Response:
    return await api.score(api.recordings.reading, reference_text="Доброе утро")


async def send_two_recordings(api: Api) -> httpx.Response:
    first_half = api.recordings.reading[: LARGE_BYTES // 2]
    fields = {"reference_text": api.recordings.text}
    return await api.send(files=[("audio", first_half), ("audio", first_half)], data=fields)


def _build_form(api: Api) -> bytes:
    return make_form(api.recordings.reading, api.recordings.text)


async def send_incomplete_form(api: Api) -> httpx.Response:
    headers = {"Authorization": f"Bearer {api.token}"}
    headers["Content-Type"] = FORM_TYPE
    return await api.send(headers=headers, content=_build_form(api)[:-20])


async def send_form_without_boundary(api: Api) -> httpx.Response:
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "multipart/form-data"}
    return await api.send(headers=headers, content=_build_form(api))


async def send_invalid_token(api: Api) -> httpx.Response | None:
    headers = {"Authorization": "Bearer x.y.z"}
    try:
        return await api.send(headers=headers, files={"audio": api.recordings.reading})
    except httpx.TransportError:
        # The gateway reads nothing of it. The connection may break before its response is read.
        return None


async def exceed_decoding_deadline(api: Api) -> httpx.Response:
    return await _score_with_stopped_workers(api, DECODERS)


async def exceed_scoring_deadline(api: Api) -> httpx.Response:
    return await _score_with_stopped_workers(api, SCORERS)


async def kill_decoder(api: Api) -> httpx.Response:
    return await _score_with_killed_workers(api, DECODERS)


async def kill_scorer(api: Api) -> httpx.Response:
    return await _score_with_killed_workers(api, SCORERS)


async def _score_with_stopped_workers(api: Api, module: str) -> httpx.Response:
    """The processes are paused until the deadline has passed."""
    api.signal_workers(module, signal.SIGSTOP)
    try:
        return await api.score(api.recordings.reading)
    finally:
        api.signal_workers(module, signal.SIGCONT)


async def _score_with_killed_workers(api: Api, module: str) -> httpx.Response:
    api.signal_workers(module, signal.SIGSTOP)
    request = asyncio.create_task(api.score(api.recordings.reading))
    await asyncio.sleep(1.5)
    api.signal_workers(module, signal.SIGKILL)
    return await request


async def disconnect_during_upload(api: Api) -> None:
    await api.send_and_leave(api.recordings.reading, share=0.6)


async def disconnect_after_upload(api: Api) -> None:
    """The client disconnects after the whole recording has arrived."""
    await api.send_and_leave(api.recordings.reading, share=1)


type Situation = Callable[[Api], Awaitable[httpx.Response | None]]

SITUATIONS: dict[Situation, tuple[int, str]] = {
    send_reading: (200, ""),
    send_silence: (422, "not_assessable"),
    send_file_without_audio: (400, "unsupported_audio"),
    send_long_recording: (413, "audio_too_long"),
    send_large_recording: (413, "audio_too_large"),
    send_invalid_field: (422, "validation_failed"),
    send_foreign_text: (422, "validation_failed"),
    send_two_recordings: (400, "malformed_form"),
    send_incomplete_form: (400, "malformed_form"),
    send_form_without_boundary: (400, "malformed_form"),
    send_invalid_token: (401, "unauthorized"),
    exceed_decoding_deadline: (503, "provider_unavailable"),
    exceed_scoring_deadline: (504, "provider_timeout"),
    kill_decoder: (503, "provider_unavailable"),
    kill_scorer: (503, "provider_unavailable"),
    disconnect_during_upload: (0, ""),
    disconnect_after_upload: (0, ""),
}
"""What happens to a recording, and the status and code that its client gets, if it waits for one."""
OFFLINE_SITUATIONS = {exceed_scoring_deadline, kill_scorer}
"""Those that need the offline provider's processes."""


async def run_situation(situation: Situation, api: Api) -> None:
    """Run a situation, and check the client's response."""
    status, code = SITUATIONS[situation]
    response = await situation(api)
    if response is not None:
        assert (response.status_code, response.json().get("code", "")) == (status, code), response.text
    await api.wait_until_idle()
