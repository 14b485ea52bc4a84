"""Decides whether a recording contains speech, before aligning a text."""

import numpy as np

from scoring.errors import NotAssessable
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.phonemes import SILENCE

MIN_CLARITY = 0.45
"""The least clear reading of the corpus has 0.46. Tones and chirps reach up to 0.6, most other sounds 0.2."""
CLEAREST_SHARE = 0.25


def ensure_speech(log_posteriors: Floats) -> None:
    """Raise NotAssessable unless some frames are clearly phonemes."""
    if measure_clarity(log_posteriors) < MIN_CLARITY:
        raise NotAssessable("Nothing in the recording sounds like speech.", reason="no_speech")


def measure_clarity(log_posteriors: Floats) -> float:
    """Return the mean of the best phoneme's probability, 0-1, over the clearest quarter of the frames."""
    best = np.exp(log_posteriors[:, SILENCE + 1 :].max(axis=1))
    count = max(1, int(len(best) * CLEAREST_SHARE))
    return float(np.partition(best, -count)[-count:].mean())
