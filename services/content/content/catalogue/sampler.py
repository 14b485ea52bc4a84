"""Sampling."""

from random import Random

from pyroaring import BitMap64

from content.catalogue.index import MatchingNumbers


def sample(numbers: MatchingNumbers | BitMap64, most: int, *, rng: Random) -> list[int]:
    """Distinct numbers in random order: every sequence of that length is as likely as every other."""
    ranks = rng.sample(range(len(numbers)), min(most, len(numbers)))
    return [numbers[rank] for rank in ranks]
