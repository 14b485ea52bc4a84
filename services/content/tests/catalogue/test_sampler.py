from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from random import Random
from statistics import NormalDist

import pytest
from content.catalogue.sampler import sample
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

# The number of a speech is a bigint.
NUMBERS = st.one_of(st.integers(1, 40), st.integers(2**32 - 5, 2**32 + 5), st.integers(2**40, 2**40 + 9))


@given(st.sets(NUMBERS), st.integers(0, 60), st.integers())
def test_a_sample_has_no_duplicates_and_the_requested_size(numbers: set[int], most: int, seed: int) -> None:
    drawn = sample(BitMap64(numbers), most, rng=Random(seed))  # noqa: S311 - repeatable
    assert len(drawn) == len(set(drawn)) == min(most, len(numbers))
    assert set(drawn) <= numbers


SPEECHES = [*range(1, 300), *range(70_000, 70_100), *range(2**33, 2**33 + 101)]


SIZE = len(SPEECHES)


def compute_chi_squared(counts: Iterable[int], expected: float) -> float:
    return sum((count - expected) ** 2 / expected for count in counts)


def compute_p_value(statistic: float, *, freedom: int) -> float:
    """Return the upper tail of the chi-squared distribution (Wilson and Hilferty's approximation, 1931)."""
    spread = 2 / (9 * freedom)
    cube_root: float = (statistic / freedom) ** (1 / 3)
    return 1 - NormalDist(1 - spread, spread**0.5).cdf(cube_root)


@pytest.fixture(scope="module")
def draws() -> list[list[int]]:
    """20,000 draws of ten out of 500 speeches, with gaps between their numbers."""
    rng, numbers = Random(20), BitMap64(SPEECHES)  # noqa: S311 - repeatable
    return [sample(numbers, 10, rng=rng) for _ in range(20_000)]


def test_all_speeches_are_equally_likely(draws: list[list[int]]) -> None:
    counts = Counter(number for drawn in draws for number in drawn)
    expected = len(draws) * 10 / SIZE
    # Speeches drawn without repetition vary less than independent ones: by (SIZE - 10) / (SIZE - 1).
    statistic = (
        compute_chi_squared((counts[number] for number in SPEECHES), expected) * (SIZE - 1) / (SIZE - 10)
    )
    assert compute_p_value(statistic, freedom=SIZE - 1) >= 0.01


def test_all_speeches_are_equally_likely_to_come_first(draws: list[list[int]]) -> None:
    counts = Counter(drawn[0] for drawn in draws)
    statistic = compute_chi_squared((counts[number] for number in SPEECHES), len(draws) / SIZE)
    assert compute_p_value(statistic, freedom=SIZE - 1) >= 0.01


def test_neighbours_are_drawn_together_no_more_often_than_other_pairs(draws: list[list[int]]) -> None:
    neighbours = set(pairwise(SPEECHES))
    pair_count = sum(pair in neighbours for drawn in draws for pair in pairwise(sorted(drawn)))
    expected = len(draws) * 10 * 9 / SIZE
    assert abs(pair_count - expected) < 3 * expected**0.5


def test_all_pairs_of_neighbours_are_equally_likely(draws: list[list[int]]) -> None:
    neighbours = list(pairwise(SPEECHES))
    counts = Counter(pair for drawn in draws for pair in pairwise(sorted(drawn)))
    expected = len(draws) * 10 * 9 / (SIZE * (SIZE - 1))
    statistic = compute_chi_squared((counts[pair] for pair in neighbours), expected)
    assert compute_p_value(statistic, freedom=len(neighbours)) >= 0.01
