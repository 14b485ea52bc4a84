"""Rules of a learner's weakest phonemes.

The scores of one phoneme vary, and of those with few scores some are low by chance. Each average is therefore
shrunk towards the learner's average over all phonemes, as if it had further scores there: the estimator of
Efron and Morris (1975), with a fixed weight. Scores of different scorers are never combined.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

MAX_WEAKEST_PHONEMES = 10
MIN_PHONEME_SCORES = 5
PRIOR_SCORES = 10


@dataclass(frozen=True)
class PhonemeTotals:
    """The verified scores of one phoneme by one scorer."""

    symbol: str
    scorer: str
    scores: int
    score_sum: float
    last_scored_at: datetime


def rank_weakest_phonemes(phonemes: Iterable[PhonemeTotals]) -> list[PhonemeTotals]:
    """Return phonemes below the learner's average, the weakest first, of the latest scorer that has any."""
    by_scorer = [list(group) for _, group in groupby(sorted(phonemes, key=_get_scorer), key=_get_scorer)]
    for group in sorted(by_scorer, key=_find_last_use, reverse=True):
        if weakest := _rank(group):
            return weakest
    return []


def _get_scorer(phoneme: PhonemeTotals) -> str:
    return phoneme.scorer


def _find_last_use(phonemes: Sequence[PhonemeTotals]) -> datetime:
    return max(phoneme.last_scored_at for phoneme in phonemes)


def _rank(phonemes: Sequence[PhonemeTotals]) -> list[PhonemeTotals]:
    average = sum(phoneme.score_sum for phoneme in phonemes) / sum(phoneme.scores for phoneme in phonemes)
    estimates = {
        phoneme: (phoneme.score_sum + PRIOR_SCORES * average) / (phoneme.scores + PRIOR_SCORES)
        for phoneme in phonemes
        if phoneme.scores >= MIN_PHONEME_SCORES
    }
    weak = sorted(
        (estimate, phoneme.symbol, phoneme) for phoneme, estimate in estimates.items() if estimate < average
    )
    return [phoneme for *_, phoneme in weak[:MAX_WEAKEST_PHONEMES]]
