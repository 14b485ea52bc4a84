from uuid import UUID, uuid4

import pytest
from content.domain.draws import DrawFilter
from content.domain.plays import PlayStatistics, count_plays_by_speech
from content.types import Match
from contracts.game import CompletedResult

FOOD, TRAVEL, WORK = uuid4(), uuid4(), uuid4()


@pytest.mark.parametrize(
    ("tags", "match", "taken"),
    [
        (set(), "any", True),
        (set(), "all", True),
        ({FOOD, WORK}, "any", True),
        ({FOOD, WORK}, "all", False),
        ({FOOD, TRAVEL}, "all", True),
        ({WORK}, "any", False),
    ],
)
def test_a_filter_takes_speeches_by_their_tags(tags: set[UUID], match: Match, taken: bool) -> None:
    wanted = DrawFilter(level="A1", tags=frozenset(tags), match=match)
    assert wanted.matches(level="A1", type="answer", tags=frozenset({FOOD, TRAVEL})) is taken


@pytest.mark.parametrize(("level", "type", "taken"), [("A1", "answer", True), ("A2", "answer", False)])
def test_a_filter_takes_one_level(level: str, type: str, taken: bool) -> None:
    assert DrawFilter(level="A1").matches(level=level, type=type, tags=frozenset()) is taken


def test_a_filter_takes_one_type_if_it_names_one() -> None:
    answers = DrawFilter(level="A1", type="answer")
    assert answers.matches(level="A1", type="answer", tags=frozenset())
    assert not answers.matches(level="A1", type="question", tags=frozenset())


def result(response: str, *, score: float | None = None, verified: bool = False) -> CompletedResult:
    fields = {"user_response": response, "response_time_ms": 900, "pronunciation_score": score}
    return CompletedResult.model_validate({"speech_id": FOOD, "verified": verified, **fields})


def test_a_skipped_result_is_no_play() -> None:
    assert count_plays_by_speech([result("skipped", score=90, verified=True)]) == {}


def test_only_verified_scores_enter_the_average() -> None:
    results = [
        result("correct", score=80, verified=True),
        result("incorrect", score=60, verified=True),
        result("correct", score=100),
        result("correct"),
    ]
    [plays] = count_plays_by_speech(results).values()
    assert plays == PlayStatistics(plays=4, correct=3, scored=2, score_sum=140)
    assert (plays.correct_rate, plays.average_score) == (0.75, 70)


def test_there_are_no_rates_of_nothing() -> None:
    assert (PlayStatistics().correct_rate, PlayStatistics().average_score) == (None, None)
    assert PlayStatistics(plays=3).average_score is None
