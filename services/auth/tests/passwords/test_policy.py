import pytest
from auth.errors import WeakPassword
from auth.passwords.policy import ensure_strong_password
from auth.types import normalize_password


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
def test_strong_passwords_are_accepted(strong: str) -> None:
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
        ("Password1", "common password"),
        ("Passw0rd!", "common password"),
        ("PASSWORd12345", "common password"),
        ("1Q2w3e4r", "common password"),
        ("Qwerty123", "common password"),
        ("Thunder1", "common password"),
        ("Scooter2024!", "common password"),
    ],
)
def test_weak_passwords_are_rejected_with_a_reason(weak: str, reason: str) -> None:
    with pytest.raises(WeakPassword, match=reason) as excinfo:
        ensure_strong_password(weak)
    assert {error["pointer"] for error in excinfo.value.extra["errors"]} == {"#/password"}


def test_all_weaknesses_are_reported_together() -> None:
    with pytest.raises(WeakPassword) as excinfo:
        ensure_strong_password("short")
    assert len(excinfo.value.extra["errors"]) == 3
