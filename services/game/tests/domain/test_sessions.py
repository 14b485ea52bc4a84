from typing import Any
from uuid import uuid4

import pytest
from contracts.receipt import ReceiptClaims, compute_reference_digest
from contracts.vocabulary import UserResponse
from game.domain.sessions import (
    Result,
    apply_receipt,
    compute_average_score,
    compute_totals,
    settle_receipt,
    validate_sequence,
    validate_totals,
)
from game.errors import AggregateMismatch
from game.schemas.sessions import SessionCreate
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import Invalid

RESPONSES: list[UserResponse] = ["correct", "incorrect", "skipped"]


def create_results(*played: UserResponse, scores: list[float | None] | None = None) -> list[Result]:
    return [
        Result(
            sequence_number=number,
            speech_id=uuid4(),
            user_response=response,
            response_time_ms=1,
            pronunciation_score=score,
        )
        for number, (response, score) in enumerate(
            zip(played, scores or [None] * len(played), strict=True), start=1
        )
    ]


def create_totals(**sent: Any) -> SessionCreate:
    defaults = dict.fromkeys(("total_sentences", "correct_count", "max_streak", "avg_pronunciation_score"))
    return SessionCreate.model_construct(**{**defaults, **sent})


def list_pointers(error: Invalid) -> list[str]:
    return [problem["pointer"] for problem in error.extra["errors"]]


def test_a_skipped_sentence_is_counted_and_ends_a_streak() -> None:
    totals = compute_totals(create_results("correct", "correct", "skipped", "correct", "incorrect"))
    assert (totals.total_sentences, totals.correct_count, totals.incorrect_count, totals.skipped_count) == (
        5,
        3,
        1,
        1,
    )
    assert totals.max_streak == 2


def test_the_average_covers_only_scored_results() -> None:
    scores = [90.0, None, 80.0, 80.0]
    assert (
        compute_totals(
            create_results("correct", "correct", "correct", "correct", scores=scores)
        ).avg_pronunciation_score
        == 83.33
    )
    assert compute_totals(create_results("correct")).avg_pronunciation_score is None
    assert compute_totals(create_results("skipped", scores=[0.0])).avg_pronunciation_score == 0.0


@given(st.lists(st.tuples(st.sampled_from(RESPONSES), st.none() | st.floats(0, 100)), max_size=200))
def test_counts_of_responses_add_up_to_the_total(played: list[tuple[UserResponse, float | None]]) -> None:
    totals = compute_totals(
        create_results(*(response for response, _ in played), scores=[score for _, score in played])
    )
    assert (
        totals.correct_count + totals.incorrect_count + totals.skipped_count
        == totals.total_sentences
        == len(played)
    )
    assert 0 <= totals.max_streak <= totals.correct_count
    assert (totals.max_streak == 0) == (totals.correct_count == 0)
    assert totals.avg_pronunciation_score is None or 0 <= totals.avg_pronunciation_score <= 100
    assert (totals.avg_pronunciation_score is None) == (totals.scored_count == 0)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"total_sentences": 3, "correct_count": 2, "max_streak": 2, "avg_pronunciation_score": 85.33},
        {"avg_pronunciation_score": 85.3},
        {"avg_pronunciation_score": 85.38},
    ],
)
def test_totals_that_match_the_results_are_accepted(sent: dict[str, Any]) -> None:
    totals = compute_totals(create_results("correct", "correct", "skipped", scores=[90.0, 80.0, 86.0]))
    validate_totals(totals, create_totals(**sent))


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"total_sentences": 4}, ["#/total_sentences"]),
        ({"correct_count": 0, "max_streak": 3}, ["#/correct_count", "#/max_streak"]),
        ({"avg_pronunciation_score": 85.4}, ["#/avg_pronunciation_score"]),
        ({"avg_pronunciation_score": 0.0}, ["#/avg_pronunciation_score"]),
    ],
)
def test_the_error_for_wrong_totals_names_them(sent: dict[str, Any], wrong: list[str]) -> None:
    totals = compute_totals(create_results("correct", "correct", "skipped", scores=[90.0, 80.0, 86.0]))
    with pytest.raises(AggregateMismatch) as excinfo:
        validate_totals(totals, create_totals(**sent))
    assert list_pointers(excinfo.value) == wrong


def test_an_average_without_scores_is_refused() -> None:
    with pytest.raises(AggregateMismatch, match="do not match the results: avg_pronunciation_score"):
        validate_totals(compute_totals(create_results("correct")), create_totals(avg_pronunciation_score=0.0))


@given(st.permutations(range(1, 8)))
def test_a_sequence_is_accepted_in_any_order(numbers: list[int]) -> None:
    validate_sequence(numbers)


@pytest.mark.parametrize(
    ("numbers", "pointer"),
    [
        ([1, 1], "#/results/1/sequence_number"),
        ([1, 3], "#/results/1/sequence_number"),
        ([2], "#/results/0/sequence_number"),
    ],
)
def test_the_error_for_a_gap_or_repetition_names_the_result(numbers: list[int], pointer: str) -> None:
    with pytest.raises(Invalid) as excinfo:
        validate_sequence(numbers)
    assert list_pointers(excinfo.value) == [pointer]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_only_sequences_without_gaps_are_accepted(numbers: list[int]) -> None:
    if sorted(numbers) == list(range(1, len(numbers) + 1)):
        validate_sequence(numbers)
    else:
        with pytest.raises(Invalid):
            validate_sequence(numbers)


def create_receipt(**different: Any) -> ReceiptClaims:
    defaults = {
        "jti": "n1",
        "sub": uuid4(),
        "reference_sha256": compute_reference_digest("Hi."),
        "pronunciation_score": 87.5,
    }
    return ReceiptClaims.model_validate({**defaults, "iat": 0, "exp": 1, **different})


def test_a_receipt_fills_in_fields_that_the_client_omitted() -> None:
    (result,) = create_results("correct")
    applied = apply_receipt(
        result, create_receipt(recognized_text="hi", scorer="new-2"), texts={"Hello.", "Hi."}
    )
    assert (applied.pronunciation_score, applied.recognized_text, applied.jti) == (87.5, "hi", "n1")
    assert (applied.scorer, applied.verified) == ("new-2", False)


@pytest.mark.parametrize("scorer", ["new-2", None])
def test_only_a_verified_score_keeps_its_scorer(scorer: str | None) -> None:
    (result,) = create_results("correct")
    applied = apply_receipt(result, create_receipt(scorer=scorer), texts=["Hi."])
    used, unused = (settle_receipt(applied, is_unused=is_unused) for is_unused in (False, True))
    assert (used.verified, used.scorer, used.pronunciation_score) == (False, None, 87.5)
    assert (unused.verified, unused.scorer, unused.pronunciation_score) == (True, scorer, 87.5)


@pytest.mark.parametrize(("score", "agrees"), [(87.5, True), (87.504, True), (88.0, False), (0.0, False)])
def test_a_receipt_must_match_the_score(score: float, agrees: bool) -> None:
    (scored,) = create_results("correct", scores=[score])
    applied = apply_receipt(scored, create_receipt(), texts=["Hi."])
    assert (applied.jti, applied.pronunciation_score) == (("n1", 87.5) if agrees else (None, score))


def test_a_receipt_for_another_text_is_ignored() -> None:
    (result,) = create_results("correct")
    assert apply_receipt(result, create_receipt(scorer="new-2"), texts=["Hello."]) == result


def test_the_average_of_no_scores_is_null() -> None:
    assert compute_average_score(0.0, 0) is None
