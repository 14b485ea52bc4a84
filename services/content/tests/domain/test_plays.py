from uuid import uuid4

from content.domain.plays import PlayStatistics, count_plays_by_speech
from contracts.game import CompletedResult

SPEECH_ID = uuid4()


def create_result(response: str, *, score: float | None = None, verified: bool = False) -> CompletedResult:
    fields = {"user_response": response, "response_time_ms": 900, "pronunciation_score": score}
    return CompletedResult.model_validate({"speech_id": SPEECH_ID, "verified": verified, **fields})


def test_a_skipped_result_is_not_a_play() -> None:
    assert count_plays_by_speech([create_result("skipped", score=90, verified=True)]) == {}


def test_only_verified_scores_count_in_the_average() -> None:
    results = [
        create_result("correct", score=80, verified=True),
        create_result("incorrect", score=60, verified=True),
        create_result("correct", score=100),
        create_result("correct"),
    ]
    [plays] = count_plays_by_speech(results).values()
    assert plays == PlayStatistics(plays=4, correct=3, scored=2, score_sum=140)
    assert (plays.correct_rate, plays.average_score) == (0.75, 70)


def test_rates_without_plays_are_none() -> None:
    assert (PlayStatistics().correct_rate, PlayStatistics().average_score) == (None, None)
    assert PlayStatistics(plays=3).average_score is None
