from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from random import Random
from statistics import NormalDist
from uuid import UUID

import pytest
from content.catalogue.index import Catalogue, Facet
from content.catalogue.sampler import sample
from content.domain.draws import DrawFilter
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

TAGS = [UUID(int=number) for number in range(1, 5)]
# The number of a speech is a bigint: the index must not end at 32 bits.
NUMBERS = st.one_of(st.integers(1, 40), st.integers(2**32 - 5, 2**32 + 5), st.integers(2**40, 2**40 + 9))

type Properties = tuple[str, str, frozenset[UUID]]

speeches = st.dictionaries(
    NUMBERS,
    st.tuples(
        st.sampled_from(["A1", "C2"]),
        st.sampled_from(["question", "answer"]),
        st.frozensets(st.sampled_from(TAGS)),
    ),
)
filters = st.builds(
    DrawFilter,
    level=st.sampled_from(["A1", "C2"]),
    type=st.sampled_from([None, "question", "answer"]),
    tags=st.frozensets(st.sampled_from([*TAGS, UUID(int=99)])),
    match=st.sampled_from(["any", "all"]),
)


def facets(of: dict[int, Properties]) -> dict[Facet, list[int]]:
    found: dict[Facet, list[int]] = {}
    for number, (level, type, tags) in of.items():
        carried: list[Facet] = [("tag", str(tag)) for tag in tags]
        for facet in [("level", level), ("type", type), *carried]:
            found.setdefault(facet, []).append(number)  # type: ignore[arg-type] # a list of pairs loses its kinds
    return found


def taken(of: dict[int, Properties], wanted: DrawFilter) -> set[int]:
    return {
        number
        for number, (level, type, tags) in of.items()
        if wanted.matches(level=level, type=type, tags=tags)
    }


@given(speeches, filters)
def test_the_catalogue_finds_what_the_filter_takes(of: dict[int, Properties], wanted: DrawFilter) -> None:
    catalogue = Catalogue()
    catalogue.add(facets(of))
    assert set(catalogue.match(wanted)) == taken(of, wanted)


@given(speeches, speeches, st.sets(NUMBERS), filters)
def test_a_replaced_speech_is_what_it_is_now(
    before: dict[int, Properties], changed: dict[int, Properties], deleted: set[int], wanted: DrawFilter
) -> None:
    catalogue = Catalogue()
    catalogue.add(facets(before))
    now = {number: changed[number] for number in changed.keys() - deleted}
    # Read twice is read once.
    for _ in range(2):
        catalogue.replace(changed.keys() | deleted, facets(now))
    kept = {number: before[number] for number in before.keys() - changed.keys() - deleted}
    assert set(catalogue.match(wanted)) == taken(kept | now, wanted)


@given(speeches, speeches, st.lists(filters))
def test_what_is_kept_of_a_filter_is_forgotten_with_a_change(
    before: dict[int, Properties], added: dict[int, Properties], asked: list[DrawFilter]
) -> None:
    catalogue = Catalogue()
    catalogue.add(facets(before))
    new = {number: properties for number, properties in added.items() if number not in before}
    for known in (before, before | new):
        for wanted in asked * 2:
            assert set(catalogue.match(wanted)) == taken(known, wanted)
        catalogue.add(facets(new))


def test_what_was_found_cannot_be_changed() -> None:
    catalogue = Catalogue()
    catalogue.add({("level", "A1"): [1, 2]})
    # It is kept for whoever asks next.
    assert not hasattr(catalogue.match(DrawFilter(level="A1")), "clear")


def test_asking_for_what_is_not_there_takes_no_room() -> None:
    catalogue = Catalogue()
    catalogue.add({("level", "A1"): [1]})
    assert not len(catalogue.match(DrawFilter(level="A1", tags=frozenset(TAGS))))
    # Clients may ask for as many unknown tags as they like.
    assert list(catalogue._numbers) == [("level", "A1")]


@given(st.sets(NUMBERS), st.integers(0, 60), st.integers())
def test_a_sample_is_distinct_and_as_large_as_it_can_be(numbers: set[int], most: int, seed: int) -> None:
    drawn = sample(BitMap64(numbers), most, rng=Random(seed))  # noqa: S311 - repeatable
    assert len(drawn) == len(set(drawn)) == min(most, len(numbers))
    assert set(drawn) <= numbers


SPEECHES = [*range(1, 300), *range(70_000, 70_100), *range(2**33, 2**33 + 101)]
SIZE = len(SPEECHES)


def chi_squared(counts: Iterable[int], expected: float) -> float:
    return sum((count - expected) ** 2 / expected for count in counts)


def p_value(statistic: float, *, freedom: int) -> float:
    """The upper tail of the chi-squared distribution (Wilson and Hilferty's approximation, 1931)."""
    spread = 2 / (9 * freedom)
    cube_root: float = (statistic / freedom) ** (1 / 3)
    return 1 - NormalDist(1 - spread, spread**0.5).cdf(cube_root)


@pytest.fixture(scope="module")
def draws() -> list[list[int]]:
    """20,000 draws of ten out of 500 speeches, with gaps between their numbers."""
    rng, numbers = Random(20), BitMap64(SPEECHES)  # noqa: S311 - repeatable
    return [sample(numbers, 10, rng=rng) for _ in range(20_000)]


def test_every_speech_is_as_likely_as_every_other(draws: list[list[int]]) -> None:
    counts = Counter(number for drawn in draws for number in drawn)
    expected = len(draws) * 10 / SIZE
    # Distinct speeches in a draw vary less than independent ones would: by (SIZE - 10) / (SIZE - 1).
    statistic = chi_squared((counts[number] for number in SPEECHES), expected) * (SIZE - 1) / (SIZE - 10)
    assert p_value(statistic, freedom=SIZE - 1) >= 0.01


def test_every_speech_is_as_likely_to_come_first(draws: list[list[int]]) -> None:
    counts = Counter(drawn[0] for drawn in draws)
    statistic = chi_squared((counts[number] for number in SPEECHES), len(draws) / SIZE)
    assert p_value(statistic, freedom=SIZE - 1) >= 0.01


def test_neighbours_come_together_no_more_than_others(draws: list[list[int]]) -> None:
    neighbours = set(pairwise(SPEECHES))
    found = sum(pair in neighbours for drawn in draws for pair in pairwise(sorted(drawn)))
    expected = len(draws) * 10 * 9 / SIZE
    assert abs(found - expected) < 3 * expected**0.5


def test_no_pair_of_neighbours_is_favoured(draws: list[list[int]]) -> None:
    neighbours = list(pairwise(SPEECHES))
    counts = Counter(pair for drawn in draws for pair in pairwise(sorted(drawn)))
    expected = len(draws) * 10 * 9 / (SIZE * (SIZE - 1))
    statistic = chi_squared((counts[pair] for pair in neighbours), expected)
    assert p_value(statistic, freedom=len(neighbours)) >= 0.01
