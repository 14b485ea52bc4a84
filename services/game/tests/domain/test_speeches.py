from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from game.domain.speeches import list_possibly_new

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def create_id(created_at: datetime) -> UUID:
    return UUID(int=int(created_at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | 5)


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, True), (-14, True), (-16, False), (0.9, True), (1.1, False), (90, False)]
)
def test_a_speech_is_possibly_new_for_some_minutes(minutes: float, expected: bool) -> None:
    speech_id = create_id(NOW + timedelta(minutes=minutes))
    assert list_possibly_new([speech_id], now=NOW) == ([speech_id] if expected else [])


def test_an_id_that_content_cannot_have_created_is_not_new() -> None:
    assert list_possibly_new([uuid4(), UUID(int=0), UUID(int=2**128 - 1)], now=NOW) == []
