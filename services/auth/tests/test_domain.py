from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from auth.domain.sign_ins import RefreshDecision, evaluate_refresh_token
from auth.domain.users import canonical_email
from auth.errors import WeakPassword
from auth.passwords.policy import ensure_strong_password
from auth.types import normalize_password
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    "strong",
    [
        "Bdfhjln7",
        "LearnerPass123",
        "AdminPass123",
        "Correct4Horse",
        "Aa1" + "x" * 125,
        "Łódź12żółw",
        "Tr0ub4dor&3 with spaces",
        "Flower83927164",
    ],
)
def test_strong_passwords_pass(strong: str) -> None:
    ensure_strong_password(normalize_password(strong))


@pytest.mark.parametrize(
    ("weak", "reason"),
    [
        ("", "8 to 128"),
        ("Abcdef7", "8 to 128"),
        ("Aa1" + "x" * 126, "8 to 128"),
        ("abcdefg7", "upper-case"),
        ("ABCDEFG7", "lower-case"),
        ("Abcdefgh", "digit"),
        ("Password1", "commonest"),
        ("Passw0rd!", "commonest"),
        ("PASSWORd12345", "commonest"),
        ("1Q2w3e4r", "commonest"),
        ("Qwerty123", "commonest"),
        ("Thunder1", "commonest"),
        ("Scooter2024!", "commonest"),
    ],
)
def test_weak_passwords_are_told_why(weak: str, reason: str) -> None:
    with pytest.raises(WeakPassword, match=reason) as caught:
        ensure_strong_password(weak)
    assert {error["pointer"] for error in caught.value.extra["errors"]} == {"#/password"}


def test_all_weaknesses_are_told_at_once() -> None:
    with pytest.raises(WeakPassword) as caught:
        ensure_strong_password("short")
    assert len(caught.value.extra["errors"]) == 3


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("Cafe\u0301 Noir 1", "Café Noir 1"),  # composed or not
        ("Two\u00a0words 1", "Two words 1"),  # a space is a space
        ("Zwei\u3000Wörter1", "Zwei Wörter1"),
    ],
)
def test_a_password_is_the_same_from_every_keyboard(typed: str, same: str) -> None:
    assert normalize_password(typed) == normalize_password(same)


@pytest.mark.parametrize("different", ["Secret1234 ", " Secret1234", "Secret1234\u200b"])
def test_nothing_is_trimmed_from_a_password(different: str) -> None:
    assert normalize_password(different) != normalize_password("Secret1234")


@pytest.mark.parametrize("bad", ["Secret\x001234", "Secret\n1234", "Secret\ud8001234"])
def test_control_characters_are_no_part_of_a_password(bad: str) -> None:
    with pytest.raises(ValueError, match="control"):
        normalize_password(bad)


@given(st.text())
def test_preparing_twice_is_preparing_once(password: str) -> None:
    try:
        once = normalize_password(password)
    except ValueError:
        return
    assert normalize_password(once) == once
    assert "\x00" not in once.encode().decode()


def test_addresses_are_told_apart_without_regard_to_case() -> None:
    assert canonical_email("Ada@Example.com") == canonical_email("ada@example.com")


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
