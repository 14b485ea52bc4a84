"""Measures the levels of 20 ms frames, in dB relative to full scale."""

import numpy as np
from numpy.typing import NDArray
from shared.audio.measurement import SAMPLE_RATE

from scoring.audio.samples import Samples

FRAME_SAMPLES = SAMPLE_RATE // 50
HZ_PER_BIN = SAMPLE_RATE // FRAME_SAMPLES
SPEECH_BAND = range(200, 6_800)
"""In Hz: above hum and its first harmonics, up to where voices end."""
MAX_LOUD_FRAMES = 20
"""This many frames determine the level of a long recording, regardless of its pauses."""

type Powers = NDArray[np.float64]
type Levels = NDArray[np.float64]


def measure_powers(samples: Samples) -> Powers:
    """Return the power spectrum of each frame, in bins of 50 Hz. The recording has at least one frame."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    window = np.hanning(FRAME_SAMPLES)
    spectrum = np.fft.rfft(frames * window, axis=1)
    powers: Powers = np.square(np.abs(spectrum)) * (2 / FRAME_SAMPLES / np.square(window).sum())
    return powers


def to_levels(powers: Powers) -> Levels:
    """Return the level of each frame in SPEECH_BAND. Digital silence has -140."""
    part = powers[:, SPEECH_BAND.start // HZ_PER_BIN : SPEECH_BAND.stop // HZ_PER_BIN]
    levels: Levels = 10 * np.log10(part.sum(axis=1) + 1e-14)
    return levels


def to_loud_level(levels: Levels) -> float:
    """Return the level that a voice reaches in a twentieth of a short recording, or 0.4 s of a long one."""
    count = min(MAX_LOUD_FRAMES, len(levels) // 20 + 1)
    return float(np.partition(levels, -count)[-count])
