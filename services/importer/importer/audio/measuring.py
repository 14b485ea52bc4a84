"""Measures recordings by decoding them."""

import asyncio
import io
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import av
import numpy as np

from importer.types import AudioFormat

SAMPLE_RATE = 16_000
MAX_SECONDS = 300
CLIPPING_LEVEL = 0.985
DEMUXERS: dict[str, AudioFormat] = {"wav": "wav", "mp3": "mp3", "mov,mp4,m4a,3gp,3g2,mj2": "m4a"}


class UndecodableAudio(Exception):
    """The content is not a recording that can be decoded."""


class AudioTooLong(Exception):
    """The recording lasts longer than accepted."""


@dataclass(frozen=True)
class Measurement:
    duration_ms: int
    format: str
    level_db: float
    clipped_share: float


class Measurer:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="measurer")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def measure(self, content: bytes | AsyncIterator[bytes]) -> Measurement:
        """Raise UndecodableAudio or AudioTooLong."""
        whole = content if isinstance(content, bytes) else b"".join([chunk async for chunk in content])
        return await asyncio.get_running_loop().run_in_executor(self._thread, _measure, io.BytesIO(whole))


def _measure(content: io.BytesIO) -> Measurement:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    samples = clipped = 0
    energy = 0.0
    try:
        with av.open(content, options={"protocol_whitelist": ""}) as container:
            audio_format = DEMUXERS.get(container.format.name, container.format.name)
            for frame in _decode(container):
                for part in resampler.resample(frame):
                    values = part.to_ndarray().reshape(-1)
                    samples += values.size
                    energy += float(np.square(values, dtype=np.float64).sum())
                    clipped += int(np.count_nonzero(np.abs(values) >= CLIPPING_LEVEL))
                if samples > MAX_SECONDS * SAMPLE_RATE:
                    raise AudioTooLong
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise UndecodableAudio from error
    if not samples:
        raise UndecodableAudio
    level_db = 10 * float(np.log10(energy / samples + 1e-12))
    return Measurement(samples * 1000 // SAMPLE_RATE, audio_format, level_db, clipped / samples)


def _decode(container: Any) -> Any:
    # A damaged frame is skipped, as players do.
    stream = container.streams.audio[0]
    for packet in container.demux(stream):
        with suppress(av.InvalidDataError):
            yield from packet.decode()
