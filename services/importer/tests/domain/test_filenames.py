import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importer.domain.filenames import MAX_NAME_LENGTH, add_suffix, clean_filename, to_name_key


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp3", "a.mp3"),
        (" Lesson 1.mp3 ", "Lesson 1.mp3"),
        ("folder/a.mp3", "a.mp3"),
        ("C:\\audio\\a.mp3", "a.mp3"),
        ("../../etc/passwd", "passwd"),
        (".../a.mp3", "a.mp3"),
        ("\u202e3pm.exe", "3pm.exe"),
        ("a\x00b\r\nc\t.mp3", "abc.mp3"),
        ("a\u200b\ufeff.mp3", "a.mp3"),
        ("a\u00a0b.mp3", "a b.mp3"),
        (unicodedata.normalize("NFD", "café.mp3"), "café.mp3"),
        ("日本語.mp3", "日本語.mp3"),
        (".mp3", ".mp3"),
        ("a" * 255, "a" * 255),
    ],
)
def test_names_are_cleaned(name: str, expected: str) -> None:
    assert clean_filename(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", "...", "../", "a/", "a/..", "\\", "\u202e", "\x00", " . "),
        *("a" * 256, "a" * 10_000, "ŉ" * 200, "é" * 256, "\ud800"),
    ],
)
def test_names_without_anything_usable_are_refused(name: str) -> None:
    assert clean_filename(name) is None


@given(st.text(max_size=1200))
def test_a_clean_name_is_unchanged_and_fits_its_columns(name: str) -> None:
    if (cleaned := clean_filename(name)) is not None:
        assert clean_filename(cleaned) == cleaned
        assert 0 < len(cleaned) <= MAX_NAME_LENGTH
        assert len(to_name_key(cleaned)) <= MAX_NAME_LENGTH
        assert not {"/", "\\", "\x00"} & set(cleaned)
        cleaned.encode()


@pytest.mark.parametrize(
    "other", ["Café.MP3", "CAFÉ.mp3", unicodedata.normalize("NFD", "café.mp3"), "cafÉ.mp3"]
)
def test_names_are_compared_without_case_and_by_their_letters(other: str) -> None:
    assert to_name_key(other) == to_name_key("café.mp3")


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("name.mp3", 1, "name_1.mp3"),
        ("name.mp3", 12, "name_12.mp3"),
        ("name", 1, "name_1"),
        (".mp3", 1, ".mp3_1"),
        ("a.b.mp3", 2, "a.b_2.mp3"),
        ("a." + "b" * 253, 1, "a." + "b" * 251 + "_1"),
        ("a" * 251 + ".mp3", 1, "a" * 249 + "_1.mp3"),
        ("ß" * 120 + ".mp3", 1, "ß" * 120 + "_1.mp3"),
    ],
)
def test_a_suffix_is_added_before_the_extension(name: str, number: int, expected: str) -> None:
    assert add_suffix(name, number) == expected


@given(st.text(max_size=300), st.integers(1, 100_000))
def test_a_name_with_a_suffix_fits_its_columns(name: str, number: int) -> None:
    if (cleaned := clean_filename(name)) is not None:
        suffixed = add_suffix(cleaned, number)
        assert len(suffixed) <= MAX_NAME_LENGTH
        assert len(to_name_key(suffixed)) <= MAX_NAME_LENGTH
        assert str(number) in suffixed
