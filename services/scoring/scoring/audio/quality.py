"""Decides whether a recording is good enough to judge a pronunciation.

The limits were set with clean and with noisy readings. White noise 10 dB below the voice still allows
sensible scores, 5 dB do not. Read speech spans 25 dB and more, including the pauses between its sounds.
"""

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Vad
from shared.audio.decoder import SAMPLE_RATE, Samples

from scoring.errors import NotAssessable

MIN_DURATION_SECONDS = 0.3
MIN_VOICED_SECONDS = 0.2
MIN_LEVEL_DB = -60.0
MIN_DYNAMIC_RANGE_DB = 12.0
CLIPPING_LEVEL = 0.985
MAX_CLIPPED_SHARE = 0.03
FRAME_SAMPLES = SAMPLE_RATE // 50
"""Levels are measured over frames of 20 ms."""


def check_quality(samples: Samples) -> float:
    """Return the seconds of voice that a voice detector finds, or raise NotAssessable."""
    if len(samples) < MIN_DURATION_SECONDS * SAMPLE_RATE:
        raise NotAssessable("The recording is too short to contain a spoken text.", reason="too_short")
    levels = _measure_levels(samples)
    quiet, loud = np.percentile(levels, [10, 95])
    voiced = _measure_voiced_seconds(samples)
    if loud < MIN_LEVEL_DB or voiced < MIN_VOICED_SECONDS:
        raise NotAssessable("No voice was found in the recording.", reason="no_speech")
    if np.mean(np.abs(samples) >= CLIPPING_LEVEL) > MAX_CLIPPED_SHARE:
        raise NotAssessable(
            "The recording is overdriven: speak more softly or further away.", reason="clipped"
        )
    if loud - quiet < MIN_DYNAMIC_RANGE_DB:
        raise NotAssessable("The voice does not stand out from the noise around it.", reason="too_noisy")
    return voiced


def _measure_levels(samples: Samples) -> NDArray[np.float64]:
    """Return the level of each frame in dB relative to full scale. Digital silence is at -120."""
    frames = (
        samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float64)
    )
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)


def _measure_voiced_seconds(samples: Samples) -> float:
    detector = Vad(Vad.STRICT, SAMPLE_RATE, 0.03)
    size = detector.frame_bytes // 2
    pcm = (samples * 32767).astype(np.int16)
    starts = range(0, len(pcm) - size + 1, size)
    voiced = sum(detector.is_speech(pcm[at : at + size].tobytes()) for at in starts)
    pcm.fill(0)
    return float(voiced * size / SAMPLE_RATE)
