"""Recordings and archives for tests. Each seed sounds different."""

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
ENCODERS = {"mp3": ("mp3", "libmp3lame"), "m4a": ("ipod", "aac")}


def make_tone(seconds: float, *, seed: int = 0, gain: float = 0.3) -> NDArray[np.int16]:
    times = np.arange(int(RATE * seconds)) / RATE
    tone = np.sin(2 * np.pi * (220 + seed) * times) * gain
    return (np.clip(tone, -1, 1) * 32_767).astype(np.int16)


def make_wav(seconds: float = 0.5, *, seed: int = 0, gain: float = 0.3) -> bytes:
    data = make_tone(seconds, seed=seed, gain=gain).tobytes()
    head = struct.pack(
        "<4sI8sIHHIIHH4sI",
        b"RIFF",
        36 + len(data),
        b"WAVEfmt ",
        16,
        1,
        1,
        RATE,
        2 * RATE,
        2,
        16,
        b"data",
        len(data),
    )
    return head + data


def make_recording(audio_format: Literal["mp3", "m4a"], seconds: float = 0.5, *, seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    container, codec = ENCODERS[audio_format]
    with av.open(buffer, "w", format=container) as target:
        stream: Any = target.add_stream(codec, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            make_tone(seconds, seed=seed)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            target.mux(packet)
    return buffer.getvalue()


def make_archive(files: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()
