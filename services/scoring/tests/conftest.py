import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import av
import httpx
import numpy as np
import pytest
from av.audio.stream import AudioStream
from fastapi import FastAPI
from numpy.typing import NDArray
from redis.asyncio import Redis
from scoring.app import create_app
from scoring.audio.decoder import decode_recording
from scoring.audio.recording import Recording
from scoring.providers.offline.engine import Engine
from scoring.providers.offline.provider import PROCESS
from scoring.settings import ApiSettings
from shared.confined.pool import WorkerPool
from shared.security.jwt import create_signing_key
from shared.testing import TokenFor, api_client

AUDIO = Path(__file__).parent / "recordings"

type Encode = Callable[..., bytes]

ENCODINGS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "ogg": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
    "webm": ("webm", "libopus"),
}


@pytest.fixture(scope="session")
def service() -> str:
    return "scoring"


@pytest.fixture(scope="session")
def reading() -> bytes:
    """A WAV of a person saying: The train leaves at seven in the morning."""
    return (AUDIO / "reading.wav").read_bytes()


@pytest.fixture(scope="session")
def wrong_word() -> bytes:
    """A WAV of a person saying: The ferry leaves at seven in the morning."""
    return (AUDIO / "wrong-word.wav").read_bytes()


@pytest.fixture(scope="session")
def voice(reading: bytes) -> NDArray[np.float32]:
    """The samples of `reading`, 16 kHz."""
    return np.frombuffer(reading[44:], "<i2").astype(np.float32) / np.float32(32768)


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Makes a file: `encode(samples, "mp3", rate=16000, channels=1, codec=..., container=...)`."""

    def make(
        samples: NDArray[np.float32],
        kind: str = "wav",
        *,
        rate: int = 16_000,
        channels: int = 1,
        codec: str = "",
        container: str = "",
        bit_rate: int = 0,
    ) -> bytes:
        default_container, default_codec = ENCODINGS[kind]
        file = io.BytesIO()
        with av.open(file, "w", format=container or default_container) as output:
            layout = "mono" if channels == 1 else "stereo"
            sample_rate = 48_000 if "opus" in (codec or default_codec) else rate
            stream = output.add_stream(codec or default_codec, rate=sample_rate, layout=layout)
            assert isinstance(stream, AudioStream)
            stream.codec_context.options = {"strict": "experimental"}
            if bit_rate:
                stream.bit_rate = bit_rate
            pcm = np.repeat((np.clip(samples, -1, 1) * 32767).astype(np.int16), channels).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(pcm, "s16", layout)
            frame.sample_rate = rate
            for packet in (*stream.encode(frame), *stream.encode(None)):
                if packet.size:
                    output.mux(packet)
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def recording(reading: bytes) -> Recording:
    """`reading` as a provider gets it."""
    return decode_recording(memoryview(reading))


@pytest.fixture(scope="session")
def wrong_recording(wrong_word: bytes) -> Recording:
    return decode_recording(memoryview(wrong_word))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load()


@pytest.fixture(scope="session")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "receipt-signing-keys.json"
    path.write_text(json.dumps({"keys": [create_signing_key()]}))
    return path


@pytest.fixture(scope="session")
def settings(base_settings: dict[str, Any], keys_file: Path) -> ApiSettings:
    overrides = {"receipt_signing_keys_file": keys_file, "scoring_workers": 2}
    return ApiSettings.model_validate({**base_settings, **overrides})


@pytest.fixture(scope="session")
def learner() -> UUID:
    return uuid4()


@pytest.fixture(scope="session")
async def app(settings: ApiSettings) -> FastAPI:
    return create_app(settings)


@pytest.fixture(scope="session")
async def client(app: FastAPI, learner: UUID, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """The client of a learner, of one application with two workers."""
    async with api_client(app, token=token_for(learner)) as client:
        yield client


@pytest.fixture
async def one_worker() -> AsyncIterator[WorkerPool]:
    """A single worker with plenty of time."""
    workers = WorkerPool(PROCESS, count=1, timeout_seconds=30, forking=True)
    workers.start()
    yield workers
    await workers.close()


@pytest.fixture
async def redis(settings: ApiSettings) -> AsyncIterator[Redis]:
    """A client of a Redis in which no budget has been used."""
    async with Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True) as redis:
        if keys := [key async for key in redis.scan_iter("speech_budget:*")]:
            await redis.delete(*keys)
        yield redis
