"""The score models' inputs for one reading."""

from dataclasses import dataclass

from scoring.providers.offline.aligner import Segments
from scoring.providers.offline.encoder import Floats


@dataclass(frozen=True)
class Observation:
    """`tokens` (segments, 61) and `utterance` (60,) as phone_features and utterance_features describe
    them."""

    segments: Segments
    tokens: Floats
    utterance: Floats


@dataclass(frozen=True)
class RawScores:
    """On the raters' scales, not yet mapped: phonemes (spoken segments,) 0-2, words (words,) 0-10.

    `overall` (4,) 0-10: accuracy, fluency, prosody, total.
    """

    phonemes: Floats
    words: Floats
    overall: Floats
