"""A copy of a recording gets nearly the same scores, or is refused for its quality."""

from collections.abc import Callable

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.decoder import decode_recording
from scoring.errors import NotAssessable
from scoring.providers.offline.engine import Engine

type Samples = NDArray[np.float32]
type Encode = Callable[..., bytes]

TEXT = "The train leaves at seven in the morning."
RATE = 16_000


def resample(samples: Samples, rate: int, *, source: int = RATE) -> Samples:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "flt", "mono")
    frame.sample_rate = source
    resampler = av.AudioResampler("flt", "mono", rate)
    parts = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(parts).astype(np.float32)


def amplify(samples: Samples, gain_db: float) -> Samples:
    return (samples * 10 ** (gain_db / 20)).astype(np.float32)


def add_wave(samples: Samples, *, hz: float, level_db: float) -> Samples:
    wave = np.sin(2 * np.pi * hz * np.arange(len(samples)) / RATE)
    return (samples * 0.9 + 10 ** (level_db / 20) * wave).astype(np.float32)


COPIES: dict[str, Callable[[Samples, Encode], bytes]] = {
    "8 bits": lambda voice, encode: encode(voice, codec="pcm_u8"),
    "A-law": lambda voice, encode: encode(voice, codec="pcm_alaw"),
    "mu-law": lambda voice, encode: encode(voice, codec="pcm_mulaw"),
    "12 kHz": lambda voice, encode: encode(resample(voice, 12_000), rate=12_000),
    **{
        kind: lambda voice, encode, kind=kind: encode(voice, kind)  # type: ignore[misc]
        for kind in ("mp3", "m4a", "aac", "ogg", "flac", "webm")
    },
    "MP3 at 32 kbit/s": lambda voice, encode: encode(voice, "mp3", bit_rate=32_000),
    "an offset": lambda voice, encode: encode((voice * 0.9 + 0.05).astype(np.float32)),
    "a large offset": lambda voice, encode: encode((voice * 0.7 + 0.2).astype(np.float32)),
    "rumble": lambda voice, encode: encode(add_wave(voice, hz=8, level_db=-26)),
    "hum": lambda voice, encode: encode(add_wave(voice, hz=50, level_db=-30)),
    "hum of 60 Hz": lambda voice, encode: encode(add_wave(voice, hz=60, level_db=-30)),
    **{
        f"{gain} dB": lambda voice, encode, gain=gain: encode(amplify(voice, gain))  # type: ignore[misc]
        for gain in (-6, -20, -26, -28, -34, -40, -46)
    },
}


def score(engine: Engine, data: bytes) -> float:
    assessed = engine.assess(decode_recording(memoryview(data)), TEXT)
    assert assessed.pronunciation_score is not None
    return assessed.pronunciation_score


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_gets_similar_scores(name: str, engine: Engine, encode: Encode, voice: Samples) -> None:
    copy, original = COPIES[name](voice, encode), encode(voice)
    assert score(engine, copy) == pytest.approx(score(engine, original), abs=3)


NARROW_COPIES: dict[str, Callable[[Samples, Encode], bytes]] = {
    "8 kHz": lambda voice, encode: encode(resample(voice, 8_000), rate=8_000),
    "8 kHz and 8 bits": lambda voice, encode: encode(resample(voice, 8_000), rate=8_000, codec="pcm_u8"),
    "a telephone": lambda voice, encode: encode(resample(voice, 8_000), rate=8_000, codec="pcm_mulaw"),
    "8 kHz, quiet": lambda voice, encode: encode(amplify(resample(voice, 8_000), -28), rate=8_000),
    "8 kHz and back": lambda voice, encode: encode(resample(resample(voice, 8_000), RATE, source=8_000)),
    "Opus at 8 kbit/s": lambda voice, encode: encode(voice, "ogg", bit_rate=8_000),
}


@pytest.mark.parametrize("name", NARROW_COPIES)
def test_a_narrowband_copy_gets_similar_scores(
    name: str, engine: Engine, encode: Encode, voice: Samples
) -> None:
    copy, original = NARROW_COPIES[name](voice, encode), encode(voice)
    assert score(engine, copy) == pytest.approx(score(engine, original), abs=10)


def test_a_quiet_copy_in_8_bits_is_of_too_low_quality(encode: Encode, voice: Samples) -> None:
    with pytest.raises(NotAssessable) as excinfo:
        decode_recording(memoryview(encode(amplify(voice, -16), codec="pcm_u8")))
    assert excinfo.value.extra == {"reason": "low_quality"}
