from datetime import UTC, datetime

import pytest
from scoring.domain.budgets import Limits, Periods


@pytest.mark.parametrize(
    ("now", "day_end", "month_end"),
    [
        ("2026-11-26T04:38:25.7", "2026-11-27", "2026-12-01"),
        ("2026-11-30T23:59:59.999999", "2026-12-01", "2026-12-01"),
        ("2026-12-01T00:00:00", "2026-12-02", "2027-01-01"),
        ("2026-12-31T23:59:59", "2027-01-01", "2027-01-01"),
        ("2028-02-28T12:00:00", "2028-02-29", "2028-03-01"),
        ("2028-02-29T12:00:00", "2028-03-01", "2028-03-01"),
        ("2027-01-31T12:00:00", "2027-02-01", "2027-02-01"),
    ],
)
def test_periods_end_at_midnight(now: str, day_end: str, month_end: str) -> None:
    periods = Periods.from_moment(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (periods.day, periods.month) == (now[:10], now[:7])
    assert periods.day_end == datetime.fromisoformat(day_end).replace(tzinfo=UTC)
    assert periods.month_end == datetime.fromisoformat(month_end).replace(tzinfo=UTC)
    assert periods.get_end("learner_day") == periods.day_end
    assert periods.get_end("month") == periods.month_end


def test_zero_means_no_limit() -> None:
    assert not Limits.from_seconds(daily_per_learner=0, monthly=0)
    assert Limits.from_seconds(daily_per_learner=60, monthly=0) == Limits(60_000, 0)
    assert Limits.from_seconds(daily_per_learner=0, monthly=1)
