"""Degrades recordings like telephones, rooms and codecs, and makes sounds other than speech. All samples
are floats at 16 kHz.
"""

import io
from collections.abc import Callable

import numpy as np
import soundfile
from scipy.signal import lfilter, resample_poly
from scoring.providers.offline.encoder import SAMPLE_RATE, Floats

type Random = np.random.Generator
type Distortion = Callable[[Floats, Random], Floats]


def make_colored_noise(count: int, slope: float, random: Random) -> Floats:
    """Return noise of unit variance whose power falls with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(random.normal(size=count))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1) ** (-slope / 2)
    noise = np.fft.irfft(spectrum, count)
    return _to_samples(noise / noise.std(), limit=np.inf)


def add_noise(samples: Floats, random: Random, *, decibels: tuple[float, float], slope: float) -> Floats:
    ratio = 10 ** (random.uniform(*decibels) / 20)
    level = np.sqrt((samples**2).mean()) / ratio
    return _to_samples(samples + level * make_colored_noise(len(samples), slope, random))


def limit_to_telephone(samples: Floats, _random: Random) -> Floats:
    return _to_samples(resample_poly(resample_poly(samples, 1, 2), 2, 1)[: len(samples)])


def quantize(samples: Floats, random: Random) -> Floats:
    """Reduce to 8 bits per sample."""
    return _to_samples(np.round(samples * random.uniform(0.3, 1) * 128) / 128)


def compress(samples: Floats, _random: Random) -> Floats:
    """Encode and decode as MP3 at about 32 kbit/s."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="MP3", compression_level=0.8)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0], np.float32)[: len(samples)]


def reverberate(samples: Floats, random: Random, *, seconds: float = 0.35) -> Floats:
    """Convolve with noise that falls by 60 dB in `seconds`."""
    count = int(SAMPLE_RATE * seconds)
    tail = random.normal(size=count) * np.exp(-6.9 * np.arange(count) / count)
    tail *= 0.5 / np.sqrt((tail**2).sum())
    size = 1 << int(np.ceil(np.log2(len(samples) + count)))
    echo = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)[: len(samples)]
    return _to_samples((samples + echo) * random.choice([0.05, 0.3, 1.0]))


def add_noise_on_telephone(samples: Floats, random: Random) -> Floats:
    return add_noise(limit_to_telephone(samples, random), random, decibels=(8, 25), slope=1)


DISTORTIONS: tuple[Distortion, ...] = (
    lambda samples, random: add_noise(samples, random, decibels=(5, 25), slope=0),
    lambda samples, random: add_noise(samples, random, decibels=(3, 25), slope=1),
    limit_to_telephone,
    quantize,
    compress,
    reverberate,
    add_noise_on_telephone,
)


def make_silence(count: int, _random: Random) -> Floats:
    return np.zeros(count, np.float32)


def make_hiss(count: int, random: Random) -> Floats:
    return _to_samples(make_colored_noise(count, 0, random) * random.choice([3e-5, 1.5e-4, 1e-3]))


def make_noise(count: int, random: Random) -> Floats:
    return _to_samples(
        make_colored_noise(count, float(random.choice([0, 1])), random) * _draw_loudness(random)
    )


def make_tone(count: int, random: Random) -> Floats:
    return _to_samples(
        _draw_loudness(random) * np.sin(2 * np.pi * random.uniform(80, 3000) * _list_times(count))
    )


def make_hum(count: int, random: Random) -> Floats:
    waves = (np.sin(2 * np.pi * 50 * part * _list_times(count)) / part for part in (1, 2, 3, 5))
    return _to_samples(_draw_loudness(random) * sum(waves, start=np.zeros(count)))


def make_clicks(count: int, random: Random) -> Floats:
    clicks = np.zeros(count)
    clicks[random.integers(0, count, 6 * count // SAMPLE_RATE)] = 1
    return _to_samples(_draw_loudness(random) * 3 * lfilter([1], [1, -0.95], clicks))


def make_music(count: int, random: Random) -> Floats:
    """Play chords of a major scale with decaying harmonics."""
    music, start = np.zeros(count), 0
    while start < count:
        times = _list_times(min(int(SAMPLE_RATE * random.uniform(0.15, 0.6)), count - start))
        for pitch in 220 * 2 ** (random.choice([0, 2, 4, 5, 7, 9, 11, 12], 3) / 12):
            harmonics = sum(np.sin(2 * np.pi * pitch * part * times) / part for part in (1, 2, 3, 4))
            music[start : start + len(times)] += harmonics * np.exp(-3 * times)
        start += len(times)
    return _to_samples(_draw_loudness(random) * 0.5 * music)


SOUNDS: tuple[Callable[[int, Random], Floats], ...] = (
    make_silence,
    make_hiss,
    make_noise,
    make_tone,
    make_hum,
    make_clicks,
    make_music,
)


def _list_times(count: int) -> Floats:
    return np.arange(count) / SAMPLE_RATE


def _draw_loudness(random: Random) -> float:
    return float(10 ** random.uniform(-3, -0.5))


def _to_samples(samples: Floats, *, limit: float = 1.0) -> Floats:
    return np.clip(samples, -limit, limit).astype(np.float32)
