from uuid import UUID, uuid4

import pytest
from content.domain.draws import DrawFilter
from content.types import Match

FOOD, TRAVEL, WORK = uuid4(), uuid4(), uuid4()


@pytest.mark.parametrize(
    ("tags", "match", "expected"),
    [
        (set(), "any", True),
        (set(), "all", True),
        ({FOOD, WORK}, "any", True),
        ({FOOD, WORK}, "all", False),
        ({FOOD, TRAVEL}, "all", True),
        ({WORK}, "any", False),
    ],
)
def test_a_filter_matches_speeches_by_their_tags(tags: set[UUID], match: Match, expected: bool) -> None:
    draw_filter = DrawFilter(level="A1", tags=frozenset(tags), match=match)
    assert draw_filter.matches(level="A1", type="answer", tags=frozenset({FOOD, TRAVEL})) is expected


@pytest.mark.parametrize(("level", "type", "expected"), [("A1", "answer", True), ("A2", "answer", False)])
def test_a_filter_matches_one_level(level: str, type: str, expected: bool) -> None:
    assert DrawFilter(level="A1").matches(level=level, type=type, tags=frozenset()) is expected


def test_a_filter_matches_one_type_if_it_names_one() -> None:
    responses = DrawFilter(level="A1", type="answer")
    assert responses.matches(level="A1", type="answer", tags=frozenset())
    assert not responses.matches(level="A1", type="question", tags=frozenset())
