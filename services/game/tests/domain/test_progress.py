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
    assert compute_streaks(list_days(*ago), today=TODAY) == (current, longest)


@given(st.sets(DAYS))
def test_the_current_streak_equals_a_count_back_from_today(played: set[date]) -> None:
    current, longest = compute_streaks(played, today=TODAY)
    day = TODAY if TODAY in played else TODAY - timedelta(days=1)
    counted = 0
    while day in played:
        counted, day = counted + 1, day - timedelta(days=1)
    assert current == counted
    assert counted <= longest <= len(played)


@given(st.sets(DAYS, min_size=1), st.integers(1, 1000))
def test_the_longest_streak_does_not_depend_on_today(played: set[date], later: int) -> None:
    _, longest = compute_streaks(played, today=TODAY)
    assert compute_streaks(played, today=TODAY + timedelta(days=later))[1] == longest
    assert any(all(first + timedelta(days=n) in played for n in range(longest)) for first in played)
    assert not any(all(first + timedelta(days=n) in played for n in range(longest + 1)) for first in played)


def test_totals_weigh_all_sentences_equally() -> None:
    totals = [("A1", Totals(1, 2, 1, 180.0, 2)), ("B1", Totals(1, 1, 1)), ("A1", Totals(2, 4, 1, 60.0, 1))]
    summed = sum_by_key(totals)
    assert summed == {"A1": Totals(3, 6, 2, 240.0, 3), "B1": Totals(1, 1, 1)}
    assert (summed["A1"].correct_rate, summed["A1"].avg_pronunciation_score) == (0.3333, 80.0)
    assert summed["B1"].avg_pronunciation_score is None
    assert Totals().correct_rate is None
