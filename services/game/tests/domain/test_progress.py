from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from game.domain.progress import Totals, compute_streaks, sum_by_key
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 3, 30)
DAYS = st.dates(date(2025, 1, 1), TODAY)


def list_days(*ago: int) -> list[date]:
    return [TODAY - timedelta(days=number) for number in ago]


@pytest.mark.parametrize(
    ("ago", "current", "longest"),
    [
        ([], 0, 0),
        ([0], 1, 1),
        ([1], 1, 1),
        ([2], 0, 1),
        ([0, 1, 2], 3, 3),
        ([1, 2, 0, 2, 1], 3, 3),
        ([0, 2, 3, 4], 1, 3),
        ([10, 11, 12, 1, 2], 2, 3),
        ([-1, 0, 1], 3, 3),
    ],
)
def test_streaks_count_consecutive_days(ago: list[int], current: int, longest: int) -> None:
    streaks = compute_streaks(list_days(*ago), today=TODAY)
    assert (streaks.current, streaks.longest) == (current, longest)
    assert (streaks.freezes, streaks.freezes_used) == (0, [])


@pytest.mark.parametrize(
    ("ago", "current", "available", "used"),
    [
        # Six days earn nothing. The seventh does, on the day itself, also if it is today or tomorrow.
        (range(6), 6, 0, []),
        (range(7), 7, 1, []),
        (range(1, 8), 7, 1, []),
        (range(-1, 6), 7, 1, []),
        # Yesterday was missed. Today is not over.
        (range(2, 8), 0, 0, []),
        (range(2, 9), 7, 0, [1]),
        ([0, *range(2, 9)], 8, 0, [1]),
        # A day ahead of today was played, so the learner's today is over.
        ([-1, *range(1, 8)], 8, 0, [0]),
        # Two missed days need two freezes. Those that do not suffice are spent all the same.
        (range(3, 10), 0, 0, [2]),
        (range(3, 17), 14, 0, [2, 1]),
        ([0, *range(3, 17)], 15, 0, [2, 1]),
        (range(4, 18), 0, 0, [3, 2]),
        ([0, 1, *range(5, 19)], 2, 0, [4, 3]),
        # At most two are held; a spent one is earned back at the streak's next seventh day.
        (range(30), 30, 2, []),
        ([*range(6), *range(7, 30)], 29, 2, [6]),
        ([*range(4), *range(5, 28)], 27, 1, [4]),
        ([*range(7), *range(8, 15)], 14, 1, [7]),
        ([0, *range(2, 8), *range(9, 16)], 1, 0, [8]),
    ],
)
def test_a_freeze_covers_a_missed_day(
    ago: Sequence[int], current: int, available: int, used: list[int]
) -> None:
    streaks = compute_streaks(list_days(*ago), today=TODAY)
    assert (streaks.current, streaks.freezes, streaks.freezes_used) == (current, available, list_days(*used))


@pytest.mark.parametrize(("played", "days"), [(0, 7), (1, 6), (6, 1), (7, 7), (13, 1), (14, None)])
def test_the_days_until_the_next_freeze_are_returned(played: int, days: int | None) -> None:
    assert compute_streaks(list_days(*range(played)), today=TODAY).days_to_next_freeze == days


def replay(played: set[date], *, today: date) -> tuple[int, list[date]]:
    """Return the current streak and the days of used freezes, from a diary of every single day."""
    streak = freezes = 0
    used: list[date] = []
    day = min(played, default=today)
    while day <= today:
        if day in played:
            streak += 1
            freezes = min(freezes + (streak % 7 == 0), 2)
        elif freezes and day < today:
            freezes -= 1
            used.append(day)
        elif day < today:
            streak = 0
        day += timedelta(days=1)
    return streak, used


DENSE = st.lists(st.sampled_from([True] * 9 + [False]), max_size=60).map(
    lambda kept: {TODAY - timedelta(days=ago) for ago, was_played in enumerate(kept) if was_played}
)


@given(st.sets(DAYS) | DENSE)
def test_streaks_equal_a_day_by_day_simulation(played: set[date]) -> None:
    streaks = compute_streaks(played, today=TODAY)
    assert (streaks.current, streaks.freezes_used) == replay(played, today=TODAY)
    assert streaks.current <= streaks.longest <= len(played)
    assert streaks.longest == max((replay(played, today=day)[0] for day in played), default=0)


@given(DENSE, st.integers(1, 1000))
def test_earlier_streaks_remain_correct(played: set[date], later: int) -> None:
    now, earlier = (compute_streaks(played, today=TODAY + timedelta(days=days)) for days in (0, later))
    assert earlier.longest == now.longest
    assert earlier.freezes_used[: len(now.freezes_used)] == now.freezes_used
    assert len(earlier.freezes_used) <= len(now.freezes_used) + now.freezes


def test_totals_weight_all_sentences_equally() -> None:
    totals = [("A1", Totals(1, 2, 1, 180.0, 2)), ("B1", Totals(1, 1, 1)), ("A1", Totals(2, 4, 1, 60.0, 1))]
    summed = sum_by_key(totals)
    assert summed == {"A1": Totals(3, 6, 2, 240.0, 3), "B1": Totals(1, 1, 1)}
    assert (summed["A1"].correct_rate, summed["A1"].avg_pronunciation_score) == (0.3333, 80.0)
    assert summed["B1"].avg_pronunciation_score is None
    assert Totals().correct_rate is None
