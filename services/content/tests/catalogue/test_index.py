from uuid import UUID

from content.catalogue.index import Catalogue, Facet
from content.domain.draws import DrawFilter
from hypothesis import given
from hypothesis import strategies as st

TAGS = [UUID(int=number) for number in range(1, 5)]
# The number of a speech is a bigint, so the index must accept more than 32 bits.
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


def to_facets(of: dict[int, Properties]) -> dict[Facet, list[int]]:
    found: dict[Facet, list[int]] = {}
    for number, (level, type, tags) in of.items():
        carried: list[Facet] = [("tag", str(tag)) for tag in tags]
        for facet in [("level", level), ("type", type), *carried]:
            found.setdefault(facet, []).append(number)  # type: ignore[arg-type] # mypy does not infer the literal types
    return found


def find_matching(of: dict[int, Properties], wanted: DrawFilter) -> set[int]:
    return {
        number
        for number, (level, type, tags) in of.items()
        if wanted.matches(level=level, type=type, tags=tags)
    }


@given(speeches, filters)
def test_the_catalogue_finds_all_speeches_that_match_the_filter(
    of: dict[int, Properties], wanted: DrawFilter
) -> None:
    catalogue = Catalogue()
    catalogue.add(to_facets(of))
    assert set(catalogue.match(wanted)) == find_matching(of, wanted)


@given(speeches, speeches, st.sets(NUMBERS), filters)
def test_a_replaced_speech_is_found_by_its_new_facets(
    before: dict[int, Properties], changed: dict[int, Properties], deleted: set[int], wanted: DrawFilter
) -> None:
    catalogue = Catalogue()
    catalogue.add(to_facets(before))
    now = {number: changed[number] for number in changed.keys() - deleted}
    # Applying the same change again changes nothing.
    for _ in range(2):
        catalogue.replace(changed.keys() | deleted, to_facets(now))
    kept = {number: before[number] for number in before.keys() - changed.keys() - deleted}
    assert set(catalogue.match(wanted)) == find_matching(kept | now, wanted)


@given(speeches, speeches, st.lists(filters))
def test_a_change_discards_cached_matches(
    before: dict[int, Properties], added: dict[int, Properties], asked: list[DrawFilter]
) -> None:
    catalogue = Catalogue()
    catalogue.add(to_facets(before))
    new = {number: properties for number, properties in added.items() if number not in before}
    for known in (before, before | new):
        for wanted in asked * 2:
            assert set(catalogue.match(wanted)) == find_matching(known, wanted)
        catalogue.add(to_facets(new))


def test_matching_numbers_are_immutable() -> None:
    catalogue = Catalogue()
    catalogue.add({("level", "A1"): [1, 2]})
    # Later draws share the cached result.
    assert not hasattr(catalogue.match(DrawFilter(level="A1")), "clear")


def test_unknown_tags_take_no_memory() -> None:
    catalogue = Catalogue()
    catalogue.add({("level", "A1"): [1]})
    assert not len(catalogue.match(DrawFilter(level="A1", tags=frozenset(TAGS))))
    # Clients can send any number of unknown tags.
    assert list(catalogue._numbers) == [("level", "A1")]
