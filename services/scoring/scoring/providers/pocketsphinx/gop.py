"""How an alignment becomes scores: pure rules, each of them stated where it stands.

The evidence is a goodness of pronunciation (GOP; Witt and Young, 2000, doi:10.1016/S0167-6393(99)00044-8):
how much worse the expected phoneme explains its stretch of sound than the best one of each frame does, as a
mean log-likelihood ratio per frame in nats. Zero is perfect; there is no lower end.

The curve and the weights were set by hand after looking at readings of speechocean762 (Zhang et al., 2021,
CC BY 4.0) and at wrong texts. Nothing is calibrated: scores rank readings, their height is a convention.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scoring.domain.scores import PhonemeScore, WordScore
from scoring.types import ErrorType

MS_PER_FRAME = 10

MIDPOINT, SCALE = -7.15, 1.36
"""The GOP that scores 50, and the width of the curve. Learners' words are around -5.5, wrong ones at -9."""
MIN_CORRECT_SCORE = 30.0
MIN_SPOKEN_SCORE = 15.0
"""Below this a word is so unlike its text that something else was said, if anything."""
MIN_WORDS_FOR_FLUENCY = 2


@dataclass(frozen=True)
class AlignedPhoneme:
    """A phoneme in ARPAbet and the frames of 10 ms that it was laid over."""

    symbol: str
    start: int
    frames: int
    gop: float


@dataclass(frozen=True)
class AlignedWord:
    """A word of the reference text and where it was found; without phonemes it was left out.

    What an unpronounceable word should sound like is not known: its phonemes say where it is, not how good.
    """

    word: str
    pronounceable: bool = True
    phonemes: tuple[AlignedPhoneme, ...] = ()

    @property
    def is_scorable(self) -> bool:
        """Whether its pronunciation can be scored."""
        return self.pronounceable and bool(self.phonemes)

    @property
    def gop(self) -> float:
        """The mean over its phonemes."""
        return sum(phoneme.gop for phoneme in self.phonemes) / len(self.phonemes)

    @property
    def start(self) -> int:
        """Its first frame."""
        return self.phonemes[0].start

    @property
    def end(self) -> int:
        """The frame after its last."""
        return self.phonemes[-1].start + self.phonemes[-1].frames


def score_from_gop(gop: float) -> float:
    """The score from 0 to 100 of a GOP: a logistic curve, as likelihood ratios suggest."""
    return 100 / (1 + math.exp(min((MIDPOINT - gop) / SCALE, 500)))


def score_word(aligned: AlignedWord) -> WordScore:
    """The score of one word, made of its mean GOP: the mean of the scores would hide a bad phoneme."""
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
    """Whether this word, and no other, is what was heard in its place."""
    return aligned.is_scorable and score_from_gop(aligned.gop) >= MIN_SPOKEN_SCORE


def compute_accuracy(words: Sequence[AlignedWord]) -> float | None:
    """How well the words that were found were pronounced: the mean of their scores, 0-100."""
    scores = [score_from_gop(word.gop) for word in words if word.is_scorable]
    return sum(scores) / len(scores) if scores else None


def compute_completeness(words: Sequence[AlignedWord]) -> float:
    """The share of the text that was said, 0-100; words that cannot be judged do not count."""
    judged = [word for word in words if word.pronounceable]
    return 100 * sum(map(is_spoken, judged)) / len(judged)


def compute_fluency(words: Sequence[AlignedWord]) -> float | None:
    """How steadily the text was read, 0-100: the tempo in phonemes a second less the share of pauses.

    The line follows the fluency that the raters of speechocean762 heard (correlation .71 on 220 readings).
    None when too little was said to tell.
    """
    said = [word for word in words if is_spoken(word)]
    if len(said) < MIN_WORDS_FOR_FLUENCY:
        return None
    span = said[-1].end - said[0].start
    spoken = sum(word.end - word.start for word in words if word.phonemes and _is_within(word, said))
    tempo = sum(len(word.phonemes) for word in said) * 1000 / (span * MS_PER_FRAME)
    score = 70 + 2 * tempo - 65 * (1 - spoken / span)
    return min(max(score, 0.0), 100.0)


def _is_within(word: AlignedWord, said: Sequence[AlignedWord]) -> bool:
    return said[0].start <= word.start and word.end <= said[-1].end


def compute_pronunciation(accuracy: float, fluency: float | None, completeness: float) -> float:
    """The score of the whole, 0-100: 70 % accuracy and 30 % fluency, as far as the text was said at all."""
    quality = accuracy if fluency is None else 0.7 * accuracy + 0.3 * fluency
    return quality * completeness / 100
