"""Computes scores from an alignment.

The goodness of pronunciation (GOP; Witt and Young, 2000, doi:10.1016/S0167-6393(99)00044-8) is the mean
log-likelihood ratio per frame, in nats, between the expected phoneme and the best one of each frame: zero is
perfect. Curve and weights were set by hand with readings of speechocean762, see docs/offline-scoring.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scoring.domain.scores import PhonemeScore, WordScore
from scoring.types import ErrorType

MS_PER_FRAME = 10

MIDPOINT, SCALE = -7.15, 1.36
"""The GOP that scores 50, and the width of the curve. Learners' words lie around -5.5, wrong words at -9."""
MIN_CORRECT_SCORE = 30.0
MIN_SPOKEN_SCORE = 15.0
"""Below this score, another word or none at all was spoken."""
MIN_WORDS_FOR_FLUENCY = 2


@dataclass(frozen=True)
class AlignedPhoneme:
    """A phoneme in ARPAbet and its frames of 10 ms."""

    symbol: str
    start: int
    frames: int
    gop: float


@dataclass(frozen=True)
class AlignedWord:
    """Without phonemes it was omitted. An unpronounceable word has a position but no quality."""

    word: str
    pronounceable: bool = True
    phonemes: tuple[AlignedPhoneme, ...] = ()

    @property
    def is_scorable(self) -> bool:
        return self.pronounceable and bool(self.phonemes)

    @property
    def gop(self) -> float:
        return sum(phoneme.gop for phoneme in self.phonemes) / len(self.phonemes)

    @property
    def start(self) -> int:
        return self.phonemes[0].start

    @property
    def end(self) -> int:
        return self.phonemes[-1].start + self.phonemes[-1].frames


def score_from_gop(gop: float) -> float:
    """Map a GOP to 0-100 by a logistic curve."""
    return 100 / (1 + math.exp(min((MIDPOINT - gop) / SCALE, 500)))


def score_word(aligned: AlignedWord) -> WordScore:
    """Score a word by the mean GOP of its phonemes. The mean of their scores would hide a bad phoneme."""
    if not aligned.phonemes:
        return WordScore(aligned.word, None, "omission" if aligned.pronounceable else "none")
    offset, duration = aligned.start * MS_PER_FRAME, (aligned.end - aligned.start) * MS_PER_FRAME
    if not aligned.is_scorable:
        return WordScore(aligned.word, None, "none", offset, duration)
    score = score_from_gop(aligned.gop)
    error: ErrorType = "mispronunciation" if score < MIN_CORRECT_SCORE else "none"
    phonemes = tuple(_score_phoneme(phoneme) for phoneme in aligned.phonemes)
    return WordScore(aligned.word, round(score, 1), error, offset, duration, phonemes)


def _score_phoneme(aligned: AlignedPhoneme) -> PhonemeScore:
    return PhonemeScore(
        aligned.symbol,
        round(score_from_gop(aligned.gop), 1),
        aligned.start * MS_PER_FRAME,
        aligned.frames * MS_PER_FRAME,
    )


def is_spoken(aligned: AlignedWord) -> bool:
    """Return False also when another word was spoken in its place."""
    return aligned.is_scorable and score_from_gop(aligned.gop) >= MIN_SPOKEN_SCORE


def compute_accuracy(words: Sequence[AlignedWord]) -> float | None:
    """Return the mean score of the words that were found, 0-100."""
    scores = [score_from_gop(word.gop) for word in words if word.is_scorable]
    return sum(scores) / len(scores) if scores else None


def compute_completeness(words: Sequence[AlignedWord]) -> float:
    """Return the share of the text that was spoken, 0-100. Unpronounceable words do not count."""
    judged = [word for word in words if word.pronounceable]
    return 100 * sum(map(is_spoken, judged)) / len(judged)


def compute_fluency(words: Sequence[AlignedWord]) -> float | None:
    """Return 0-100, from the tempo in phonemes per second and the share of pauses; None for a single word."""
    said = [word for word in words if is_spoken(word)]
    if len(said) < MIN_WORDS_FOR_FLUENCY:
        return None
    span = said[-1].end - said[0].start
    spoken = sum(word.end - word.start for word in words if word.phonemes and _is_within(word, said))
    tempo = sum(len(word.phonemes) for word in said) * 1000 / (span * MS_PER_FRAME)
    # The line follows the fluency ratings of speechocean762 (correlation .71 on 220 readings).
    score = 70 + 2 * tempo - 65 * (1 - spoken / span)
    return min(max(score, 0.0), 100.0)


def _is_within(word: AlignedWord, said: Sequence[AlignedWord]) -> bool:
    return said[0].start <= word.start and word.end <= said[-1].end


def compute_pronunciation(accuracy: float, fluency: float | None, completeness: float) -> float:
    quality = accuracy if fluency is None else 0.7 * accuracy + 0.3 * fluency
    return quality * completeness / 100
