"""The fairness of a million draws: of all speeches, the first position, and pairs of neighbours."""

from array import array
from collections.abc import Iterable
from itertools import pairwise
from random import Random
from statistics import NormalDist
from typing import NamedTuple
from uuid import UUID

from content.catalogue import Catalogue, Facet, sample
from content.domain.draws import DrawFilter

DRAWS = 1_000_000
SPEECHES_PER_DRAW = 10
MATCHING_SPEECHES = 500
TAG = UUID(int=1)
MIN_P_VALUE = 0.01
"""A smaller p value is not attributed to chance."""


class Fairness(NamedTuple):
    """P values of the chi-squared tests."""

    speeches: float
    first: float
    neighbours: float

    def __str__(self) -> str:
        lines = (f"{test_name} {p:.3f}" for test_name, p in self._asdict().items())
        return f"p of chi-squared: {', '.join(lines)}"

    @property
    def is_fair(self) -> bool:
        """Whether chance explains all counts."""
        return min(self) >= MIN_P_VALUE


def measure_fairness(*, draws: int = DRAWS) -> Fairness:
    """Draw ten out of five hundred speeches repeatedly, with the service's code."""
    rng = Random()
    catalogue, numbers = _create_catalogue(rng)
    filters = DrawFilter(level="A1", type="question", tags=frozenset({TAG}))
    index_by_number = {number: index for index, number in enumerate(numbers)}
    drawn, first, pairs = (array("q", bytes(8 * MATCHING_SPEECHES)) for _ in range(3))
    for _ in range(draws):
        indices = [
            index_by_number[number] for number in sample(catalogue.match(filters), SPEECHES_PER_DRAW, rng=rng)
        ]
        first[indices[0]] += 1
        for index in indices:
            drawn[index] += 1
        for one, other in pairwise(sorted(indices)):
            pairs[one] += other == one + 1
    # Ten distinct speeches have a smaller variance than ten independent ones.
    variance_ratio = (MATCHING_SPEECHES - SPEECHES_PER_DRAW) / (MATCHING_SPEECHES - 1)
    expected, expected_pairs = (
        draws * SPEECHES_PER_DRAW / MATCHING_SPEECHES,
        draws * SPEECHES_PER_DRAW * (SPEECHES_PER_DRAW - 1) / (MATCHING_SPEECHES * (MATCHING_SPEECHES - 1)),
    )
    return Fairness(
        compute_p_value(drawn, expected, freedom=MATCHING_SPEECHES - 1, variance_ratio=variance_ratio),
        compute_p_value(first, draws / MATCHING_SPEECHES, freedom=MATCHING_SPEECHES - 1),
        compute_p_value(pairs[:-1], expected_pairs, freedom=MATCHING_SPEECHES - 1),
    )


def compute_p_value(
    counts: Iterable[int], expected: float, *, freedom: int, variance_ratio: float = 1.0
) -> float:
    """Compute the upper tail of the chi-squared distribution (Wilson and Hilferty's approximation, 1931)."""
    statistic = sum((count - expected) ** 2 for count in counts) / expected / variance_ratio
    deviation = 2 / (9 * freedom)
    cube_root: float = (statistic / freedom) ** (1 / 3)
    return 1 - NormalDist(1 - deviation, deviation**0.5).cdf(cube_root)


def _create_catalogue(rng: Random) -> tuple[Catalogue, list[int]]:
    """Create a catalogue in which five hundred speeches match, with gaps, among five times as many."""
    all_numbers = sorted(rng.sample(range(1, 1_000_000), MATCHING_SPEECHES * 5))
    matching = sorted(rng.sample(all_numbers, MATCHING_SPEECHES))
    facets: dict[Facet, list[int]] = {
        ("level", "A1"): all_numbers,
        ("type", "question"): all_numbers,
        ("tag", str(TAG)): matching,
    }
    catalogue = Catalogue()
    catalogue.add(facets)
    return catalogue, matching
