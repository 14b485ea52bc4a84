"""Recordings that cannot be scored are refused in limited time and memory, with advice on what to change."""

import asyncio
import json
import time
import wave
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import pytest

from deploy.local.stack import Stack
from services.scoring.tests.situations import make_wav
from tests.journey import RECORDINGS, REFERENCE, Learner
from tests.problems import read_problem

pytestmark = [pytest.mark.journey, pytest.mark.timed]

SCORE = "/api/v1/speech/score"
MIB = 1024 * 1024
MAX_SECONDS = 10
"""Ten times the usual duration: a hang fails, a slow machine does not."""
MAX_GROWTH_BYTES = 32 * MIB
"""Of the scoring API and its processes together. An upload and its decoded samples take half of it."""

type Form = dict[str, Any]


def read(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


def read_samples() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the voice of a good recording, at 16 kHz."""
    with wave.open(str(RECORDINGS / "good.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.astype(np.float32) / np.float32(32_768)


def to_wav(samples: np.ndarray[Any, Any], *, channels: int = 1) -> bytes:
    """Return a WAV of 32-bit floats at 16 kHz."""
    return make_wav(samples.astype("<f4").tobytes(), kind=3, bits=32, rate=16_000, channels=channels)


def make_silent_side() -> bytes:
    voice = read_samples()
    return to_wav(np.stack([voice, np.zeros_like(voice)], axis=1), channels=2)


def make_nan_sample() -> bytes:
    voice = read_samples()
    voice[len(voice) // 2] = np.nan
    return to_wav(voice)


def cut(name: str, share: float) -> bytes:
    audio = read(name)
    return audio[: int(len(audio) * share)]


TEXT_FILE = b"This is no recording.\n" * 50
NO_SOUND = make_wav(b"", kind=1, bits=16, rate=16_000, channels=1)
TOO_LONG = make_wav(bytes(61 * 32_000), kind=1, bits=16, rate=16_000, channels=1)

AUDIO: dict[str, tuple[bytes, int, str, str]] = {
    "a text renamed to .wav": (TEXT_FILE, 400, "unsupported_audio", "supported format: WAV, MP3"),
    "a WAV that ends after its header": (NO_SOUND, 400, "unsupported_audio", "no sound"),
    "a WAV that ends in its header": (read("good.wav")[:30], 400, "unsupported_audio", "cannot be decoded"),
    "an MP3 that ends in its header": (read("wrong-word.mp3")[:60], 400, "unsupported_audio", ""),
    "an M4A that ends before its index": (
        cut("silent.m4a", 0.5),
        400,
        "unsupported_audio",
        "cannot be decoded",
    ),
    "a WAV of a tenth of a second": (read("good.wav")[:3_244], 422, "not_assessable", "too short"),
    "zeros": (bytes(100_000), 400, "unsupported_audio", "supported format"),
    "11 MB": (bytes(11_000_000), 413, "audio_too_large", "at most 10485760 bytes"),
    "61 s": (TOO_LONG, 413, "audio_too_long", "longer than 60 s"),
    "only NaN": (to_wav(np.full(32_000, np.nan)), 422, "not_assessable", "No voice"),
}
"""Recordings, and the status, the code and a part of the sentence that they get."""

FIELDS: dict[str, tuple[Form, str, str]] = {
    "zero bytes": ({"audio": b""}, "#/audio", "The recording is missing or empty."),
    "no text": ({"reference_text": None}, "#/reference_text", "required"),
    "an empty text": ({"reference_text": ""}, "#/reference_text", "at least 1 character"),
    "5,000 characters": ({"reference_text": "word " * 1_000}, "#/reference_text", "at most 500 characters"),
    "only emoji": ({"reference_text": "\U0001f600\U0001f680"}, "#/reference_text", "no words"),
    "another script": ({"reference_text": "Доброе утро"}, "#/reference_text", "Latin script"),
    "another language": ({"language": "xx"}, "#/language", "Supported languages: en-US"),
}
"""Fields of a form, the field that is named as invalid, and a part of the sentence."""

TAKEN: dict[str, bytes] = {
    "a silent side": make_silent_side(),
    "one NaN sample": make_nan_sample(),
    "a WAV without its end": cut("good.wav", 0.9),
    "an MP3 without its end": cut("wrong-word.mp3", 0.9),
}


async def score(learner: Learner, **overrides: Any) -> httpx.Response:
    form = {"audio": read("good.wav"), "reference_text": REFERENCE, **overrides}
    audio = form.pop("audio")
    data = {name: value for name, value in form.items() if value is not None}
    files = {"audio": ("speech.wav", audio, "audio/wav")}
    return await learner.client.post(SCORE, files=files, data=data, headers=learner.headers)


async def send(learner: Learner, content: Any, content_type: str) -> httpx.Response:
    headers = {**learner.headers, "Content-Type": content_type}
    return await learner.client.post(SCORE, content=content, headers=headers)


def measure_memory(system: Stack) -> int:
    """Return the PSS of the scoring API with its processes."""
    process = system.apis["scoring"].process
    assert process
    api, total = psutil.Process(process.pid), 0
    for member in (api, *api.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += member.memory_full_info().pss
    return total


@pytest.fixture(scope="module")
async def memory_at_start(system: Stack) -> int:
    """The memory after recordings of all kinds were scored."""
    async with httpx.AsyncClient(base_url=system.url, timeout=20) as client:
        learner = await Learner.sign_up(client)
        for audio in (*TAKEN.values(), TOO_LONG):
            await score(learner, audio=audio)
    return measure_memory(system)


@pytest.fixture(autouse=True)
def in_bounded_memory(system: Stack, memory_at_start: int) -> Iterator[None]:
    yield
    assert measure_memory(system) - memory_at_start < MAX_GROWTH_BYTES


@pytest.fixture
def in_bounded_time() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < MAX_SECONDS


@pytest.mark.parametrize("name", AUDIO)
@pytest.mark.usefixtures("in_bounded_time")
async def test_audio_that_cannot_be_scored_is_refused_with_advice(learner: Learner, name: str) -> None:
    audio, status, code, sentence = AUDIO[name]
    problem = read_problem(await score(learner, audio=audio), status=status, code=code)
    assert sentence in problem["detail"]


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.usefixtures("in_bounded_time")
async def test_the_error_names_the_invalid_fields(learner: Learner, name: str) -> None:
    form, pointer, sentence = FIELDS[name]
    problem = read_problem(await score(learner, **form), status=422, code="validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert sentence in problem["errors"][0]["message"]


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.usefixtures("in_bounded_time")
async def test_damaged_audio_that_can_be_decoded_is_scored(learner: Learner, name: str) -> None:
    response = await score(learner, audio=TAKEN[name])
    assert response.status_code == 200, response.text
    assert response.json()["pronunciation_score"] is not None


@pytest.mark.usefixtures("in_bounded_time")
async def test_two_recordings_in_a_form_are_refused(learner: Learner) -> None:
    files = [("audio", ("a.wav", read("good.wav"))), ("audio", ("b.wav", read("good.wav")))]
    response = await learner.client.post(
        SCORE, files=files, data={"reference_text": REFERENCE}, headers=learner.headers
    )
    problem = read_problem(response, status=400, code="malformed_form")
    assert "more than one field audio" in problem["detail"]


@pytest.mark.usefixtures("in_bounded_time")
async def test_a_form_without_a_recording_is_refused(learner: Learner) -> None:
    files = {"reference_text": (None, REFERENCE)}
    response = await learner.client.post(SCORE, files=files, headers=learner.headers)
    problem = read_problem(response, status=422, code="validation_failed")
    assert problem["errors"] == [{"pointer": "#/audio", "message": "The recording is missing or empty."}]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "audio/wav", "application/json"])
@pytest.mark.usefixtures("in_bounded_time")
async def test_a_form_without_a_boundary_is_refused(learner: Learner, content_type: str) -> None:
    problem = read_problem(
        await send(learner, read("good.wav")[:10_000], content_type), status=400, code="malformed_form"
    )
    assert "multipart/form-data" in problem["detail"]


async def test_a_client_that_sends_one_byte_a_second_is_refused(system: Stack, learner: Learner) -> None:
    head = (
        f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {learner.token}\r\nContent-Length: 100000"
    )
    head += "\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    # httpx reads no response before it has sent the whole body.
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(system.url).port)
    writer.write(f'{head}Content-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'.encode())

    async def drip() -> None:
        with suppress(ConnectionError):
            for byte in read("good.wav"):
                await asyncio.sleep(1)
                writer.write(bytes([byte]))
                await writer.drain()

    started, dripping = time.monotonic(), asyncio.create_task(drip())
    response = await reader.readuntil(b"}")
    dripping.cancel()
    writer.close()
    assert 9 < time.monotonic() - started < 9 + MAX_SECONDS
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"content-type: application/problem+json" in response
    problem = json.loads(response[response.index(b"{") :])
    assert problem["code"] == "request_timeout"
    assert "too long to arrive" in problem["detail"]
