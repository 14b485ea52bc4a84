"""The score models' inputs for one reading."""

from dataclasses import dataclass

from scoring.providers.offline.aligner import Segments
from scoring.providers.offline.encoder import Floats


@dataclass(frozen=True)
class Observation:
    """`tokens` (segments, 61) come from phone_features, and `utterance` (60,) from utterance_features."""

    segments: Segments
    tokens: Floats
    utterance: Floats


@dataclass(frozen=True)
class RawScores:
    """Scores on the raters' scales: phonemes (spoken segments,) 0-2, words (words,) 0-10, and overall (4,)
    0-10 for accuracy, fluency, prosody and total.
    """

    phonemes: Floats
    words: Floats
    overall: Floats
