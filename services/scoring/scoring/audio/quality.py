"""Decides whether a recording is good enough to assess pronunciation.

The limits were set with clean and noisy readings. With white noise 10 dB below the voice, scores are still
sensible; with noise 5 dB below it, they are not. Read speech spans 25 dB or more, including its pauses.
"""

import numpy as np
from shared.audio.measurement import SAMPLE_RATE
from webrtcvad import Vad

from scoring.audio.levels import Levels, to_loud_level
from scoring.audio.samples import Samples
from scoring.errors import NotAssessable

MIN_DURATION_SECONDS = 0.3
MIN_VOICED_SECONDS = 0.2
MIN_LEVEL_DB = -75.0
ROOM_LEVEL_DB = -60.0
"""A steady sound below this level is room tone; a louder one is noise."""
MIN_DYNAMIC_RANGE_DB = 12.0
CLIPPING_LEVEL = 0.985
MAX_CLIPPED_SHARE = 0.03
MIN_RESOLUTION_DB = 26.0
"""The ratio of the voice to its quantisation noise. Below it, scores change by 10 points or more."""
VAD_STRICTNESS, VAD_SECONDS = 3, 0.03
"""The strictest of four modes, and the frame length it expects."""


def ensure_undistorted(samples: Samples) -> None:
    """Raise NotAssessable if the original samples are too short or clipped."""
    if len(samples) < MIN_DURATION_SECONDS * SAMPLE_RATE:
        raise NotAssessable("The recording is too short to contain a spoken text.", reason="too_short")
    if np.mean(np.abs(samples) >= CLIPPING_LEVEL) > MAX_CLIPPED_SHARE:
        raise NotAssessable(
            "The recording is clipped: speak more softly or further from the microphone.", reason="clipped"
        )


def ensure_audible(levels: Levels, *, voiced_seconds: float, resolution_noise_db: float) -> None:
    """Raise NotAssessable unless a voice stands out from all noises."""
    quiet, loud = float(np.percentile(levels, 10)), to_loud_level(levels)
    is_steady = loud - quiet < MIN_DYNAMIC_RANGE_DB
    if loud < MIN_LEVEL_DB or voiced_seconds < MIN_VOICED_SECONDS or (is_steady and loud < ROOM_LEVEL_DB):
        raise NotAssessable("No voice was found in the recording.", reason="no_speech")
    if is_steady:
        raise NotAssessable("The voice does not stand out from the noise around it.", reason="too_noisy")
    if loud - resolution_noise_db < MIN_RESOLUTION_DB:
        detail = "The recording's resolution is too low: speak louder, or record with 16 bits per sample."
        raise NotAssessable(detail, reason="low_quality")


def measure_voiced_seconds(samples: Samples) -> float:
    """Return the seconds of voice that a detector finds. It expects a normalised level."""
    detector, size = Vad(VAD_STRICTNESS), int(VAD_SECONDS * SAMPLE_RATE)
    pcm = (samples * 32767).astype(np.int16)
    starts = range(0, len(pcm) - size + 1, size)
    voiced = sum(detector.is_speech(pcm[start : start + size].tobytes(), SAMPLE_RATE) for start in starts)
    pcm.fill(0)
    return float(voiced * size / SAMPLE_RATE)
