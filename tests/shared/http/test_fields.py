import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from shared.http.fields import DisplayText

adapter: TypeAdapter[str] = TypeAdapter(DisplayText)


@pytest.mark.parametrize("bad", ["a\x00b", "\x1b[31m", "bell\x07", "\ud800"])
def test_control_characters_and_lone_surrogates_are_refused(bad: str) -> None:
    with pytest.raises(ValidationError):
        adapter.validate_python(bad)


@pytest.mark.parametrize(
    "invisible", ["\u200b", "\u2060 \ufeff", "\u0301", "\u00ad", "\u200d \u200c", "\u3164", "\u2800 \u115f"]
)
def test_invisible_text_is_refused(invisible: str) -> None:
    with pytest.raises(ValidationError, match="visible character"):
        adapter.validate_python(invisible)


def test_text_is_composed_and_trimmed() -> None:
    assert adapter.validate_python("  cafe\u0301\n") == "café"
    assert adapter.validate_python("\u200b tea\ufeff\u00a0\u2060") == "tea"


def test_marks_that_would_take_minutes_to_normalise_are_refused() -> None:
    with pytest.raises(ValidationError):
        adapter.validate_python("a" + "\u0315\u0300" * 200_000)


@pytest.mark.parametrize("kept", ["שלום", "👩‍👩‍👧", "line one\nline two", "a\tb"])
def test_other_scripts_emoji_and_line_breaks_are_kept(kept: str) -> None:
    assert adapter.validate_python(kept) == kept


@given(st.text())
def test_what_is_accepted_can_be_stored(text: str) -> None:
    try:
        accepted = adapter.validate_python(text)
    except ValidationError:
        return
    assert "\x00" not in accepted.encode().decode()
