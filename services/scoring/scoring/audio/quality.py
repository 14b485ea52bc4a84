"""Whether a recording is good enough to judge a pronunciation from it.

The limits were set with clean and disturbed readings: with white noise 10 dB below the voice they still score
sensibly, with 5 dB no longer; read speech, the pauses between its sounds included, spans 25 dB and more.
"""

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Vad

from scoring.audio.decoder import RATE, Samples
from scoring.refusals import Unassessable

LEAST_SECONDS = 0.3
LEAST_VOICED_SECONDS = 0.2
QUIETEST_DB = -60.0
LEAST_SPAN_DB = 12.0
CLIPPED_LEVEL = 0.985
MOST_CLIPPED = 0.03
FRAME = RATE // 50
"""Levels are measured over 20 ms."""


def ensure_assessable(samples: Samples) -> float:
    """The seconds in which somebody speaks, as far as a voice detector can tell. Raises Unassessable."""
    if len(samples) < LEAST_SECONDS * RATE:
        raise Unassessable("too_short", "The recording is too short to hold a spoken text.")
    levels = _levels(samples)
    quiet, loud = np.percentile(levels, [10, 95])
    voiced = _voiced_seconds(samples)
    if loud < QUIETEST_DB or voiced < LEAST_VOICED_SECONDS:
        raise Unassessable("no_speech", "Nobody can be heard speaking in the recording.")
    if np.mean(np.abs(samples) >= CLIPPED_LEVEL) > MOST_CLIPPED:
        raise Unassessable("clipped", "The recording is overdriven: speak more softly or further away.")
    if loud - quiet < LEAST_SPAN_DB:
        raise Unassessable("too_noisy", "The voice does not stand out from the noise around it.")
    return voiced


def _levels(samples: Samples) -> NDArray[np.float64]:
    """The level of each frame in dB below full scale; digital silence is at -120."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)


def _voiced_seconds(samples: Samples) -> float:
    detector = Vad(Vad.STRICT, RATE, 0.03)
    size = detector.frame_bytes // 2
    pcm = (samples * 32767).astype(np.int16)
    starts = range(0, len(pcm) - size + 1, size)
    voiced = sum(detector.is_speech(pcm[at : at + size].tobytes()) for at in starts)
    pcm.fill(0)
    return float(voiced * size / RATE)
