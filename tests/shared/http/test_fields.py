import time
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from shared.http.fields import DisplayText, Integer, build_text_pattern

integer: TypeAdapter[int] = TypeAdapter(Integer)
adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, DisplayText(max_length=1_000_000)])


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


def test_long_runs_of_combining_marks_are_refused() -> None:
    with pytest.raises(ValidationError):
        adapter.validate_python("a" + "\u0315\u0300" * 200_000)


@pytest.mark.parametrize("text", ["שלום", "👩‍👩‍👧", "line one\nline two", "a\tb"])
def test_other_scripts_emoji_and_line_breaks_are_kept(text: str) -> None:
    assert adapter.validate_python(text) == text


@given(st.text())
def test_every_accepted_text_can_be_stored(text: str) -> None:
    try:
        accepted = adapter.validate_python(text)
    except ValidationError:
        return
    assert "\x00" not in accepted.encode().decode()


@pytest.mark.timed
@pytest.mark.parametrize("unit", ["a\u0301", "\u0315\u0300", " ", "x"])
def test_a_text_that_is_too_long_is_refused_before_its_characters_are_read(unit: str) -> None:
    name: TypeAdapter[str] = TypeAdapter(Annotated[str, DisplayText(max_length=100)])
    text = unit * 340_000
    started = time.thread_time()
    with pytest.raises(ValidationError, match="at most 100 characters"):
        name.validate_python(text)
    assert time.thread_time() - started < 0.05


def test_the_bounds_count_the_cleaned_text_and_are_in_the_schema() -> None:
    name: TypeAdapter[str] = TypeAdapter(Annotated[str, DisplayText(min_length=1, max_length=3)])
    assert name.validate_python("a\u0301" * 3) == "\u00e1" * 3
    for bad in ("a\u0301" * 4, "abcd", "  "):
        with pytest.raises(ValidationError):
            name.validate_python(bad)
    pattern = build_text_pattern(required=True)
    assert name.json_schema() == {"type": "string", "minLength": 1, "maxLength": 3, "pattern": pattern}


@pytest.mark.parametrize(("value", "read"), [(60, 60), (60.0, 60), (-0.0, 0)])
def test_an_integer_may_have_a_zero_fraction(value: float, read: int) -> None:
    assert integer.validate_python(value) == read
    assert type(integer.validate_python(value)) is int


@pytest.mark.parametrize("bad", [60.5, float("inf"), float("nan"), True, "60", None])
def test_a_value_that_is_not_an_integer_is_refused(bad: object) -> None:
    with pytest.raises(ValidationError):
        integer.validate_python(bad)
