"""Spaced repetition of the speeches that a learner has played, with the scheduler FSRS-6.

A correct result is rated Good. Its score changes that: a low score makes it Hard, and a high score Easy, but
only if a receipt verifies it. An incorrect result is rated Again. A skipped one says nothing about memory and
is no review.

Intervals are whole local days of the learner: a sentence played in the evening can be due the next morning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import cast
from uuid import UUID

from contracts.vocabulary import UserResponse
from fsrs import Card, Rating, Scheduler, State

from game.domain.clock import get_local_day
from game.domain.progress import DAY

MIN_GOOD_SCORE, MIN_EASY_SCORE = 60, 90

# Learning steps would repeat a sentence within minutes, and random intervals would differ when the same plays
# are scheduled again.
_SCHEDULER = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)


@dataclass(frozen=True, kw_only=True)
class Play:
    """A result, and the end of its session."""

    speech_id: UUID
    user_response: UserResponse
    pronunciation_score: float | None
    verified: bool
    completed_at: datetime
    utc_offset_minutes: int | None


@dataclass(frozen=True, kw_only=True)
class MemoryState:
    """A learner's memory of one speech after its last review, and the result of that review.

    `stability` is the number of days after which the probability of recall is 0.9; `difficulty` is 1-10.
    """

    speech_id: UUID
    stability: float
    difficulty: float
    reviewed_at: datetime
    reviewed_on: date
    interval_days: int
    due_at: datetime
    user_response: UserResponse
    pronunciation_score: float | None
    verified: bool


def rate_play(play: Play) -> Rating | None:
    """Return None for a play that is no review."""
    if play.user_response == "skipped":
        return None
    if play.user_response == "incorrect":
        return Rating.Again
    if play.pronunciation_score is None:
        return Rating.Good
    if play.pronunciation_score < MIN_GOOD_SCORE:
        return Rating.Hard
    return Rating.Easy if play.verified and play.pronunciation_score >= MIN_EASY_SCORE else Rating.Good


def schedule_reviews(states: Mapping[UUID, MemoryState], plays: Iterable[Play]) -> dict[UUID, MemoryState]:
    """Return the states that change, by speech. Plays older than the last review of their speech are ignored:
    sessions may arrive late.
    """
    changed: dict[UUID, MemoryState] = {}
    for play in plays:
        before = changed.get(play.speech_id) or states.get(play.speech_id)
        rating = rate_play(play)
        if rating is not None and (before is None or before.reviewed_at <= play.completed_at):
            changed[play.speech_id] = _review(before, play, rating)
    return changed


def _review(before: MemoryState | None, play: Play, rating: Rating) -> MemoryState:
    day = get_local_day(play.completed_at, play.utc_offset_minutes)
    card = _to_card(before) if before else Card(card_id=0, due=_to_instant(day))
    reviewed, _ = _SCHEDULER.review_card(card, rating, _to_instant(day))
    due_on = reviewed.due.date()
    return MemoryState(
        speech_id=play.speech_id,
        # A reviewed card has both.
        stability=cast(float, reviewed.stability),
        difficulty=cast(float, reviewed.difficulty),
        reviewed_at=play.completed_at,
        reviewed_on=day,
        interval_days=(due_on - day).days,
        due_at=_to_instant(due_on) - timedelta(minutes=play.utc_offset_minutes or 0),
        user_response=play.user_response,
        pronunciation_score=play.pronunciation_score,
        verified=play.verified,
    )


def compute_retrievability(state: MemoryState, *, now: datetime) -> float:
    """Return the probability, 0-1, that the learner recalls the speech on the local day of `now`."""
    elapsed_days = state.interval_days + (now - state.due_at) // DAY
    today = _to_instant(state.reviewed_on) + max(elapsed_days, 0) * DAY
    return round(_SCHEDULER.get_card_retrievability(_to_card(state), today), 4)


def _to_card(state: MemoryState) -> Card:
    # Without an id, the library waits a millisecond for a new one, and without times it reads the clock.
    return Card(
        card_id=0,
        state=State.Review,
        stability=state.stability,
        difficulty=state.difficulty,
        due=_to_instant(state.reviewed_on + state.interval_days * DAY),
        last_review=_to_instant(state.reviewed_on),
    )


def _to_instant(day: date) -> datetime:
    """Return a time that stands for a whole local day. The scheduler counts the days in between."""
    return datetime.combine(day, time.min, UTC)
