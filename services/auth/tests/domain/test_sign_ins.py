from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from auth.domain.sign_ins import RefreshDecision, ensure_proved, evaluate_refresh_token
from auth.errors import RecentProofRequired, WrongPassword

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def verdict(
    used: timedelta | None, *, expires: datetime = LATER, revoked: datetime | None = None
) -> RefreshDecision:
    used_at = None if used is None else NOW - used
    return evaluate_refresh_token(NOW, used_at=used_at, expires_at=expires, revoked_at=revoked)


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (None, RefreshDecision.ROTATE),
        (timedelta(0), RefreshDecision.REPEAT),
        (
            timedelta(milliseconds=-5),
            RefreshDecision.REPEAT,
        ),  # another replica's clock, or a wait for the lock
        (timedelta(seconds=10), RefreshDecision.REPEAT),
        (timedelta(seconds=10, microseconds=1), RefreshDecision.REVOKE),
        (timedelta(days=20), RefreshDecision.REVOKE),
    ],
)
def test_a_refresh_token_is_judged_by_when_it_was_used(
    used: timedelta | None, expected: RefreshDecision
) -> None:
    assert verdict(used) is expected


@pytest.mark.parametrize("used", [None, timedelta(seconds=1), timedelta(hours=1)])
def test_nothing_opens_a_family_that_is_over(used: timedelta | None) -> None:
    assert verdict(used, expires=NOW) is RefreshDecision.REFUSE
    assert verdict(used, revoked=NOW) is RefreshDecision.REFUSE


def test_a_verdict_only_gets_worse_with_time() -> None:
    order = [RefreshDecision.REPEAT, RefreshDecision.REVOKE, RefreshDecision.REFUSE]
    used = NOW - timedelta(seconds=5)
    times = [NOW + timedelta(seconds=7200 * step) for step in range(15)]
    verdicts = [evaluate_refresh_token(at, used_at=used, expires_at=LATER, revoked_at=None) for at in times]
    assert set(verdicts) == set(order)
    assert all(order.index(a) <= order.index(b) for a, b in pairwise(verdicts))


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
