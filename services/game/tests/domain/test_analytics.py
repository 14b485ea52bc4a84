from datetime import date, timedelta

import pytest
from contracts.vocabulary import Level
from game.domain.analytics import MAX_PERIOD_DAYS, compute_level_rates, resolve_period, suggest_level
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import Invalid

TODAY = date(2026, 3, 30)
DAYS = st.dates(date(2000, 1, 1), date(2999, 12, 31))


@pytest.mark.parametrize(
    ("first", "last", "resolved"),
    [
        (None, None, (date(2026, 3, 1), TODAY)),
        (None, date(2026, 1, 30), (date(2026, 1, 1), date(2026, 1, 30))),
        (date(2026, 3, 29), None, (date(2026, 3, 29), TODAY)),
        (TODAY, TODAY, (TODAY, TODAY)),
        # The page sends the days back, and a first day before 2000 would be refused.
        (None, date(2000, 1, 3), (date(2000, 1, 1), date(2000, 1, 3))),
    ],
)
def test_a_missing_day_has_a_default(
    first: date | None, last: date | None, resolved: tuple[date, date]
) -> None:
    assert resolve_period(first, last, today=TODAY) == resolved


@given(DAYS, DAYS)
def test_only_periods_of_up_to_a_year_are_accepted(first: date, last: date) -> None:
    if timedelta() <= last - first < timedelta(days=MAX_PERIOD_DAYS):
        assert resolve_period(first, last, today=TODAY) == (first, last)
    else:
        with pytest.raises(Invalid):
            resolve_period(first, last, today=TODAY)


RATES = compute_level_rates({"A1": (1000, 900), "B1": (1000, 600), "C2": (1000, 500), "B2": (10, 1)})


@pytest.mark.parametrize(
    ("level", "rate", "plays", "suggested"),
    [
        ("B1", 0.60, 100, None),
        ("B1", 0.44, 100, "B2"),
        ("B1", 0.76, 100, "A2"),
        ("B1", 0.44, 29, None),
        ("A1", 1.00, 100, None),
        ("C2", 0.00, 100, None),
        ("C2", 0.70, 100, "C1"),
        # With few responses at the level, a default rate is used.
        ("B2", 0.60, 100, "C1"),
    ],
)
def test_a_level_is_suggested_if_the_rate_differs_from_the_levels(
    level: Level, rate: float, plays: int, suggested: Level | None
) -> None:
    assert suggest_level(level, measured_rate=rate, plays=plays, rates=RATES) == suggested
