import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fsrs import Card, Rating, Scheduler
from game.domain.reviews import MemoryState, Play, compute_retrievability, rate_play, schedule_reviews

SPEECH = uuid4()
EVENING = datetime(2026, 3, 1, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def play(moment: datetime = EVENING, response: Any = "correct", **different: Any) -> Play:
    defaults = {
        "speech_id": SPEECH,
        "pronunciation_score": None,
        "verified": False,
        "utc_offset_minutes": None,
    }
    return Play(completed_at=moment, user_response=response, **{**defaults, **different})


def schedule(*plays: Play, state: MemoryState | None = None) -> MemoryState:
    return schedule_reviews({state.speech_id: state} if state else {}, plays)[SPEECH]


@pytest.mark.parametrize(
    ("response", "score", "verified", "rating"),
    [
        ("skipped", 100.0, True, None),
        ("incorrect", 100.0, True, Rating.Again),
        ("correct", None, False, Rating.Good),
        ("correct", 59.9, False, Rating.Hard),
        ("correct", 59.9, True, Rating.Hard),
        ("correct", 60.0, True, Rating.Good),
        ("correct", 89.9, True, Rating.Good),
        ("correct", 90.0, True, Rating.Easy),
        # Only a receipt proves a high score.
        ("correct", 100.0, False, Rating.Good),
    ],
)
def test_a_result_is_rated(response: str, score: float | None, verified: bool, rating: Rating | None) -> None:
    assert rate_play(play(response=response, pronunciation_score=score, verified=verified)) == rating


def test_a_better_result_is_due_later() -> None:
    results = [
        play(response="incorrect"),
        play(pronunciation_score=40.0),
        play(),
        play(pronunciation_score=95.0, verified=True),
    ]
    states = [schedule(result) for result in results]
    assert [state.interval_days for state in states] == [1, 1, 2, 8]
    assert [state.stability for state in states] == sorted(state.stability for state in states)


def test_intervals_grow_with_correct_reviews_and_shrink_after_an_incorrect_one() -> None:
    state, intervals = schedule(play()), list[int]()
    for response in ("correct", "correct", "correct", "incorrect"):
        state = schedule(play(state.due_at + timedelta(hours=20), response), state=state)
        intervals.append(state.interval_days)
    assert intervals[:3] == sorted(intervals[:3])
    assert intervals[0] > 2
    assert intervals[3] < intervals[2] / 4


def test_states_agree_with_the_library_when_reviews_are_whole_days_apart() -> None:
    scheduler = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    card, state = Card(card_id=1), None
    for days, response in enumerate(("correct", "incorrect", "correct", "correct", "incorrect")):
        reviewed_at = EVENING + days * days * DAY
        rating = Rating.Good if response == "correct" else Rating.Again
        card, _ = scheduler.review_card(card, rating, reviewed_at)
        state = schedule(play(reviewed_at, response), state=state)
        assert (state.stability, state.difficulty) == (card.stability, card.difficulty)
        assert state.due_at.date() == card.due.date()


def test_a_sentence_played_in_the_evening_is_due_at_the_start_of_the_local_day() -> None:
    state = schedule(play(response="incorrect", utc_offset_minutes=120))
    assert (state.reviewed_on, state.interval_days) == (date(2026, 3, 1), 1)
    assert state.due_at == datetime(2026, 3, 1, 22, tzinfo=UTC)
    # Less than 24 hours later, but on the next day: a review of its own, not a repetition on the same day.
    morning = play(state.due_at + timedelta(hours=8), utc_offset_minutes=120)
    next_day = schedule(replace(morning, completed_at=EVENING + DAY), state=state)
    assert schedule(morning, state=state).stability == next_day.stability


def test_a_skipped_result_changes_nothing() -> None:
    assert schedule_reviews({}, [play(response="skipped")]) == {}


def test_results_of_one_session_count_in_order_of_play() -> None:
    failed_last = schedule(play(), play(response="incorrect"))
    passed_last = schedule(play(response="incorrect"), play())
    assert (failed_last.user_response, passed_last.user_response) == ("incorrect", "correct")
    assert failed_last.stability < schedule(play()).stability
    assert passed_last.stability > schedule(play(response="incorrect")).stability


def test_late_sessions_change_no_newer_state() -> None:
    days = [play(EVENING + days * DAY, response) for days, response in enumerate(("incorrect", "correct"))]
    newest = schedule(days[1])
    assert schedule_reviews({SPEECH: newest}, [days[0]]) == {}
    for order in itertools.permutations(days):
        states: dict[UUID, MemoryState] = {}
        for played in order:
            states |= schedule_reviews(states, [played])
        assert (states[SPEECH].reviewed_at, states[SPEECH].user_response) == (days[1].completed_at, "correct")


def test_a_learner_who_travels_west_is_reviewed_on_an_earlier_day() -> None:
    tokyo = play(datetime(2026, 3, 1, 16, tzinfo=UTC), utc_offset_minutes=540)
    honolulu = play(tokyo.completed_at + timedelta(hours=10), utc_offset_minutes=-600)
    state = schedule(tokyo, honolulu)
    assert (state.reviewed_on, state.interval_days > 0) == (date(2026, 3, 1), True)


def test_retrievability_falls_from_day_to_day() -> None:
    state = schedule(play())
    days = [compute_retrievability(state, now=state.reviewed_at + days * DAY) for days in (0, 1, 2, 3, 300)]
    assert days[0] == 1
    assert days == sorted(days, reverse=True)
    assert days[2] == pytest.approx(0.9, abs=0.02)
    assert 0 < days[-1] < 0.6
