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


def to_facets(properties: dict[int, Properties]) -> dict[Facet, list[int]]:
    facets: dict[Facet, list[int]] = {}
    for number, (level, type, tags) in properties.items():
        tag_facets: list[Facet] = [("tag", str(tag)) for tag in tags]
        for facet in [("level", level), ("type", type), *tag_facets]:
            facets.setdefault(facet, []).append(number)  # type: ignore[arg-type] # mypy does not infer the literal types
    return facets


def find_matching(properties: dict[int, Properties], draw_filter: DrawFilter) -> set[int]:
    return {
        number
        for number, (level, type, tags) in properties.items()
        if draw_filter.matches(level=level, type=type, tags=tags)
    }


@given(speeches, filters)
def test_the_catalogue_finds_all_speeches_that_match_the_filter(
    properties: dict[int, Properties], draw_filter: DrawFilter
) -> None:
    catalogue = Catalogue()
    catalogue.add(to_facets(properties))
    assert set(catalogue.match(draw_filter)) == find_matching(properties, draw_filter)


@given(speeches, speeches, st.sets(NUMBERS), filters)
def test_a_replaced_speech_is_found_by_its_new_facets(
    before: dict[int, Properties], changed: dict[int, Properties], deleted: set[int], draw_filter: DrawFilter
) -> None:
    catalogue = Catalogue()
    catalogue.add(to_facets(before))
    now = {number: changed[number] for number in changed.keys() - deleted}
    # Applying the same change again changes nothing.
    for _ in range(2):
        catalogue.replace(changed.keys() | deleted, to_facets(now))
    unchanged = {number: before[number] for number in before.keys() - changed.keys() - deleted}
    assert set(catalogue.match(draw_filter)) == find_matching(unchanged | now, draw_filter)


@given(speeches, speeches, st.lists(filters))
def test_a_change_discards_cached_matches(
    before: dict[int, Properties], added: dict[int, Properties], draw_filters: list[DrawFilter]
) -> None:
    catalogue = Catalogue()
    catalogue.add(to_facets(before))
    new = {number: properties for number, properties in added.items() if number not in before}
    for known_properties in (before, before | new):
        for draw_filter in draw_filters * 2:
            assert set(catalogue.match(draw_filter)) == find_matching(known_properties, draw_filter)
        catalogue.add(to_facets(new))


def test_matching_numbers_are_immutable() -> None:
    catalogue = Catalogue()
    catalogue.add({("level", "A1"): [1, 2]})
    # Later draws share the cached result.
    assert not hasattr(catalogue.match(DrawFilter(level="A1")), "clear")


def test_unknown_tags_use_no_memory() -> None:
    catalogue = Catalogue()
    catalogue.add({("level", "A1"): [1]})
    assert not len(catalogue.match(DrawFilter(level="A1", tags=frozenset(TAGS))))
    # Clients can send any number of unknown tags.
    assert list(catalogue._numbers) == [("level", "A1")]
