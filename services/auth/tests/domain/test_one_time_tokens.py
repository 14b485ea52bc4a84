from datetime import UTC, datetime, timedelta

import pytest
from auth.domain.one_time_tokens import ensure_usable
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
