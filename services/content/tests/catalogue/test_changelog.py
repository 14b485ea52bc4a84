from datetime import UTC, datetime, timedelta

import pytest
from content.catalogue.changelog import Position

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "oldest", "expected"),
    [(0, 100, True), (4, 130, True), (5, 130, False), (1, 99, False)],
)
def test_a_position_is_continuous_while_the_log_has_no_gap(minutes: int, oldest: int, expected: bool) -> None:
    earlier = Position((100, 110, (100, 105)), NOON)
    later = Position((oldest, 200, ()), NOON + timedelta(minutes=minutes))
    assert earlier.is_continuous_with(later) is expected
