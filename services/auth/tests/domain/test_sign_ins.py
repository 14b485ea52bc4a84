from datetime import UTC, datetime, timedelta

import pytest
from auth.domain.sign_ins import (
    ACCESS_TOKEN_TTL,
    REFRESH_TOKEN_TTL,
    RefreshDecision,
    ensure_proved,
    evaluate_refresh_token,
    may_have_access,
)
from auth.errors import RecentProofRequired, WrongPassword

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def verdict(
    used: timedelta | None,
    *,
    is_successor_unused: bool = False,
    expires: datetime = LATER,
    revoked: datetime | None = None,
) -> RefreshDecision:
    return evaluate_refresh_token(
        NOW,
        used_at=None if used is None else NOW - used,
        is_successor_unused=is_successor_unused,
        expires_at=expires,
        revoked_at=revoked,
    )


# A negative age is another replica's clock, or a wait for the lock.
@pytest.mark.parametrize("age", [timedelta(milliseconds=-5), timedelta(0), timedelta(days=20)])
def test_a_used_token_is_judged_by_its_successors_use_whenever_that_is(age: timedelta) -> None:
    assert verdict(age, is_successor_unused=True) is RefreshDecision.REPEAT
    assert verdict(age, is_successor_unused=False) is RefreshDecision.REVOKE


def test_an_unused_token_is_replaced() -> None:
    assert verdict(None) is RefreshDecision.ROTATE


@pytest.mark.parametrize("used", [None, timedelta(seconds=1), timedelta(hours=1)])
@pytest.mark.parametrize("is_successor_unused", [True, False])
def test_nothing_opens_a_family_that_is_over(used: timedelta | None, is_successor_unused: bool) -> None:
    assert verdict(used, is_successor_unused=is_successor_unused, expires=NOW) is RefreshDecision.REFUSE
    assert verdict(used, is_successor_unused=is_successor_unused, revoked=NOW) is RefreshDecision.REFUSE


def test_access_may_last_after_the_last_refresh_only() -> None:
    assert may_have_access(NOW, NOW + REFRESH_TOKEN_TTL - ACCESS_TOKEN_TTL)
    assert not may_have_access(NOW, NOW + REFRESH_TOKEN_TTL - 3 * ACCESS_TOKEN_TTL)


@pytest.mark.parametrize("age", [timedelta(milliseconds=-5), timedelta(0), timedelta(minutes=10)])
def test_a_recent_sign_in_is_a_proof(age: timedelta) -> None:
    ensure_proved(NOW, signed_in_at=NOW - age, is_password_correct=None)


def test_later_only_the_password_is_one() -> None:
    earlier = NOW - timedelta(minutes=10, microseconds=1)
    with pytest.raises(RecentProofRequired):
        ensure_proved(NOW, signed_in_at=earlier, is_password_correct=None)
    ensure_proved(NOW, signed_in_at=earlier, is_password_correct=True)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=1)])
def test_a_wrong_password_is_refused_however_recent_the_sign_in(age: timedelta) -> None:
    with pytest.raises(WrongPassword):
        ensure_proved(NOW, signed_in_at=NOW - age, is_password_correct=False)
