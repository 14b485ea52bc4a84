from datetime import UTC, datetime, timedelta

import pytest
from auth.domain.one_time_tokens import ensure_usable, may_send_email
from auth.errors import TokenExpired, TokenUsed

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_token_is_usable_until_it_expires_or_is_used() -> None:
    ensure_usable(NOW, used_at=None, expires_at=NOW + SECOND)
    with pytest.raises(TokenExpired):
        ensure_usable(NOW, used_at=None, expires_at=NOW)
    for expires_at in (NOW - SECOND, NOW + SECOND):
        with pytest.raises(TokenUsed):
            ensure_usable(NOW, used_at=NOW - SECOND, expires_at=expires_at)


def test_e_mails_are_limited_to_one_a_minute_and_five_a_day() -> None:
    minute = timedelta(minutes=1)
    assert may_send_email(NOW, last_unused_at=None, sent_in_a_day=0)
    assert may_send_email(NOW, last_unused_at=NOW - minute, sent_in_a_day=4)
    assert not may_send_email(NOW, last_unused_at=NOW - minute + SECOND, sent_in_a_day=1)
    assert not may_send_email(NOW, last_unused_at=None, sent_in_a_day=5)
