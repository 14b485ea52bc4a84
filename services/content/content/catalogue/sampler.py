from random import Random

from pyroaring import BitMap64

from content.catalogue.index import MatchingNumbers

OVERSAMPLING = 4
"""Each further round of a draw samples this many times as many speeches as the round before."""


def sample(numbers: MatchingNumbers | BitMap64, limit: int, *, rng: Random) -> list[int]:
    """Return up to `limit` distinct numbers. Every sequence of that length has the same probability."""
    ranks = rng.sample(range(len(numbers)), min(limit, len(numbers)))
    return [numbers[rank] for rank in ranks]


def count_likely_excluded(candidates: int, limit: int, excluded: int) -> int:
    """Return four times the expected number of excluded speeches, so that one round usually suffices."""
    return min(excluded, 5 + OVERSAMPLING * limit * excluded // max(candidates, 1))
