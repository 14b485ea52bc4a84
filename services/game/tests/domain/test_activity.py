from datetime import date, timedelta

import pytest
from game.domain.activity import MAX_PERIOD_DAYS, resolve_period
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
    ],
)
def test_a_missing_day_has_a_default(
    first: date | None, last: date | None, resolved: tuple[date, date]
) -> None:
    assert resolve_period(first, last, today=TODAY) == resolved


@given(DAYS, DAYS)
def test_exactly_the_periods_of_up_to_a_year_pass(first: date, last: date) -> None:
    if timedelta() <= last - first < timedelta(days=MAX_PERIOD_DAYS):
        assert resolve_period(first, last, today=TODAY) == (first, last)
    else:
        with pytest.raises(Invalid):
            resolve_period(first, last, today=TODAY)
