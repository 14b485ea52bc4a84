"""Sounds other than readings, as floats at 16 kHz: noise, tones, music, and degraded voices."""

import numpy as np
from numpy.typing import NDArray

type Samples = NDArray[np.float32]
type Random = np.random.Generator

RATE = 16_000
SCALE_STEPS = (0, 2, 4, 5, 7, 9, 11)


def list_times(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * RATE)) / RATE


def make_noise(seconds: float, random: Random, *, slope: float) -> Samples:
    """Return noise whose power falls with frequency to the power of `slope`: 0 is white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(random.normal(size=int(seconds * RATE)))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1) ** (-slope / 2)
    noise = np.fft.irfft(spectrum, int(seconds * RATE))
    return to_level(noise, random.uniform(-40, -10))


def make_tone(seconds: float, random: Random) -> Samples:
    tone = np.sin(2 * np.pi * random.uniform(80, 3500) * list_times(seconds))
    return to_level(tone, random.uniform(-30, -6))


def make_chirp(seconds: float, random: Random) -> Samples:
    start, end = random.uniform(100, 3500, 2)
    pitch = start + (end - start) * list_times(seconds) / seconds
    return to_level(np.sin(2 * np.pi * np.cumsum(pitch) / RATE), -12)


def make_hum(seconds: float, random: Random) -> Samples:
    base, clock = random.choice([50, 60]), list_times(seconds)
    waves = [np.sin(2 * np.pi * base * part * clock) / part for part in (1, 2, 3, 5, 7)]
    return to_level(np.sum(waves, axis=0), random.uniform(-30, -10))


def make_knocks(seconds: float, random: Random) -> Samples:
    samples = np.zeros(int(seconds * RATE))
    for start in random.integers(0, len(samples) - 800, int(3 * seconds)):
        samples[start : start + 800] += random.normal(size=800) * np.exp(-np.arange(800) / 120)
    return to_level(samples, -16)


def make_music(seconds: float, random: Random) -> Samples:
    """Play chords with bass and drums at 120 beats a minute."""
    music, beat, root = np.zeros(int(seconds * RATE)), RATE // 2, random.uniform(130, 260)
    for number, start in enumerate(range(0, len(music) - beat, beat)):
        first = int(random.integers(0, len(SCALE_STEPS)))
        steps = [SCALE_STEPS[(first + third) % len(SCALE_STEPS)] for third in (0, 2, 4)]
        chord = np.sum([_pluck(root * 2 ** (step / 12), beat) for step in (*steps, -12)], axis=0)
        music[start : start + beat] += chord + _hit_drum(beat, random, is_snare=bool(number % 2))
    return to_level(music, -14)


def _pluck(pitch: float, count: int) -> NDArray[np.float64]:
    clock = np.arange(count) / RATE
    waves = [np.sin(2 * np.pi * pitch * part * clock) / part for part in range(1, 6)]
    plucked: NDArray[np.float64] = np.sum(waves, axis=0) * np.exp(-4 * clock)
    return plucked


def _hit_drum(count: int, random: Random, *, is_snare: bool) -> NDArray[np.float64]:
    clock = np.arange(count) / RATE
    if is_snare:
        return random.normal(size=count) * np.exp(-25 * clock)
    return 3 * np.sin(2 * np.pi * 60 * clock) * np.exp(-12 * clock)


def make_babble(voices: list[Samples], random: Random) -> Samples:
    """Mix voices with different offsets, so that none is intelligible."""
    length = max(map(len, voices))
    mixed = [np.roll(np.resize(voice / voice.std(), length), random.integers(0, length)) for voice in voices]
    return to_level(np.sum(mixed, axis=0), -20)


def hold(voice: Samples, seconds: float) -> Samples:
    """Hold one sound: the loudest twentieth of a second, forwards and backwards in turn."""
    size = RATE // 20
    energy = (voice[: len(voice) // size * size].reshape(-1, size) ** 2).sum(axis=1)
    start = int(energy.argmax()) * size
    sound = voice[start : start + size]
    sustained: Samples = np.resize(np.concatenate([sound, sound[::-1]]), int(seconds * RATE))
    return sustained


def limit_band(samples: Samples, hertz: float) -> Samples:
    spectrum = np.fft.rfft(samples)
    spectrum[int(hertz * len(samples) / RATE) :] = 0
    limited: Samples = np.fft.irfft(spectrum, len(samples)).astype(np.float32)
    return limited


def to_level(samples: NDArray[np.floating], decibels: float) -> Samples:
    """Scale to a root mean square below full scale."""
    level = float(np.sqrt((samples**2).mean())) or 1.0
    scaled: Samples = np.clip(samples * 10 ** (decibels / 20) / level, -1, 1).astype(np.float32)
    return scaled
