import pytest
from auth.types import is_public_host, normalize_password
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("Cafe\u0301 Noir 1", "Café Noir 1"),  # composed or not
        ("Two\u00a0words 1", "Two words 1"),  # no-break and ideographic spaces
        ("Zwei\u3000Wörter1", "Zwei Wörter1"),
    ],
)
def test_a_password_matches_in_every_unicode_form(typed: str, same: str) -> None:
    assert normalize_password(typed) == normalize_password(same)


@pytest.mark.parametrize("changed", ["Secret1234 ", " Secret1234", "Secret1234\u200b"])
def test_passwords_are_not_trimmed(changed: str) -> None:
    assert normalize_password(changed) != normalize_password("Secret1234")


@pytest.mark.parametrize("bad", ["Secret\x001234", "Secret\n1234", "Secret\ud8001234"])
def test_control_characters_are_refused_in_a_password(bad: str) -> None:
    with pytest.raises(ValueError, match="control"):
        normalize_password(bad)


@given(st.text())
def test_normalizing_again_changes_nothing(password: str) -> None:
    try:
        once = normalize_password(password)
    except ValueError:
        return
    assert normalize_password(once) == once
    assert "\x00" not in once.encode().decode()


@pytest.mark.parametrize(
    "host", ["example.com", "EXAMPLE.com.", "local.example", "93.184.216.34", "[2606:2800:21f::1]"]
)
def test_a_public_host_is_accepted(host: str) -> None:
    assert is_public_host(host)
