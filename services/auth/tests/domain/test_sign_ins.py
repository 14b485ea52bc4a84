from datetime import UTC, datetime, timedelta

import pytest
from auth.domain.sign_ins import (
    ACCESS_TOKEN_TTL,
    REFRESH_TOKEN_TTL,
    RefreshDecision,
    ensure_proof,
    evaluate_refresh_token,
    may_have_access,
)
from auth.errors import RecentProofRequired, WrongPassword

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def decide(
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


# The age is negative if another replica's clock is ahead, or after waiting for the lock.
@pytest.mark.parametrize("age", [timedelta(milliseconds=-5), timedelta(0), timedelta(days=20)])
def test_a_used_token_is_repeated_only_while_its_successor_is_unused(age: timedelta) -> None:
    assert decide(age, is_successor_unused=True) is RefreshDecision.REPEAT
    assert decide(age, is_successor_unused=False) is RefreshDecision.REVOKE


def test_an_unused_token_is_rotated() -> None:
    assert decide(None) is RefreshDecision.ROTATE


@pytest.mark.parametrize("used", [None, timedelta(seconds=1), timedelta(hours=1)])
@pytest.mark.parametrize("is_successor_unused", [True, False])
def test_no_token_of_an_ended_family_is_accepted(used: timedelta | None, is_successor_unused: bool) -> None:
    assert decide(used, is_successor_unused=is_successor_unused, expires=NOW) is RefreshDecision.REFUSE
    assert decide(used, is_successor_unused=is_successor_unused, revoked=NOW) is RefreshDecision.REFUSE


def test_access_tokens_expire_shortly_after_the_last_refresh() -> None:
    assert may_have_access(NOW, NOW + REFRESH_TOKEN_TTL - ACCESS_TOKEN_TTL)
    assert not may_have_access(NOW, NOW + REFRESH_TOKEN_TTL - 3 * ACCESS_TOKEN_TTL)


@pytest.mark.parametrize("age", [timedelta(milliseconds=-5), timedelta(0), timedelta(minutes=10)])
def test_a_recent_sign_in_proves_ownership(age: timedelta) -> None:
    ensure_proof(NOW, signed_in_at=NOW - age, is_password_correct=None)


def test_after_ten_minutes_only_the_password_proves_ownership() -> None:
    earlier = NOW - timedelta(minutes=10, microseconds=1)
    with pytest.raises(RecentProofRequired):
        ensure_proof(NOW, signed_in_at=earlier, is_password_correct=None)
    ensure_proof(NOW, signed_in_at=earlier, is_password_correct=True)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=1)])
def test_a_wrong_password_is_refused_even_after_a_recent_sign_in(age: timedelta) -> None:
    with pytest.raises(WrongPassword):
        ensure_proof(NOW, signed_in_at=NOW - age, is_password_correct=False)
