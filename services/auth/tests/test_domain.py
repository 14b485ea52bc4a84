from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from auth.domain.sign_ins import Verdict, judge
from auth.domain.users import email_key
from auth.errors import WeakPassword
from auth.passwords.policy import ensure_strong
from auth.types import prepared
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
    ensure_strong(prepared(strong))


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
        ensure_strong(weak)
    assert {error["pointer"] for error in caught.value.extra["errors"]} == {"#/password"}


def test_all_weaknesses_are_told_at_once() -> None:
    with pytest.raises(WeakPassword) as caught:
        ensure_strong("short")
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
    assert prepared(typed) == prepared(same)


@pytest.mark.parametrize("different", ["Secret1234 ", " Secret1234", "Secret1234\u200b"])
def test_nothing_is_trimmed_from_a_password(different: str) -> None:
    assert prepared(different) != prepared("Secret1234")


@pytest.mark.parametrize("bad", ["Secret\x001234", "Secret\n1234", "Secret\ud8001234"])
def test_control_characters_are_no_part_of_a_password(bad: str) -> None:
    with pytest.raises(ValueError, match="control"):
        prepared(bad)


@given(st.text())
def test_preparing_twice_is_preparing_once(password: str) -> None:
    try:
        once = prepared(password)
    except ValueError:
        return
    assert prepared(once) == once
    assert "\x00" not in once.encode().decode()


def test_addresses_are_told_apart_without_regard_to_case() -> None:
    assert email_key("Ada@Example.com") == email_key("ada@example.com")


def verdict(
    spent: timedelta | None, *, expires: datetime = LATER, revoked: datetime | None = None
) -> Verdict:
    spent_at = None if spent is None else NOW - spent
    return judge(NOW, spent_at=spent_at, expires_at=expires, revoked_at=revoked)


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        (None, Verdict.ROTATE),
        (timedelta(0), Verdict.REPEAT),
        (timedelta(milliseconds=-5), Verdict.REPEAT),  # another replica's clock, or a wait for the lock
        (timedelta(seconds=10), Verdict.REPEAT),
        (timedelta(seconds=10, microseconds=1), Verdict.REUSED),
        (timedelta(days=20), Verdict.REUSED),
    ],
)
def test_a_refresh_token_is_judged_by_when_it_was_spent(spent: timedelta | None, expected: Verdict) -> None:
    assert verdict(spent) is expected


@pytest.mark.parametrize("spent", [None, timedelta(seconds=1), timedelta(hours=1)])
def test_nothing_opens_a_family_that_is_over(spent: timedelta | None) -> None:
    assert verdict(spent, expires=NOW) is Verdict.REFUSED
    assert verdict(spent, revoked=NOW) is Verdict.REFUSED


def test_a_verdict_only_gets_worse_with_time() -> None:
    order = [Verdict.REPEAT, Verdict.REUSED, Verdict.REFUSED]
    spent = NOW - timedelta(seconds=5)
    times = [NOW + timedelta(seconds=7200 * step) for step in range(15)]
    verdicts = [judge(at, spent_at=spent, expires_at=LATER, revoked_at=None) for at in times]
    assert set(verdicts) == set(order)
    assert all(order.index(a) <= order.index(b) for a, b in pairwise(verdicts))
