import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.text.numerals import read_cardinal, read_whole, read_year, spell_cardinal


@given(st.integers(0, 10**15 - 1))
def test_a_spelled_cardinal_can_be_converted_back(number: int) -> None:
    assert to_number(spell_cardinal(str(number))) == number
    assert {to_number(reading) for reading in read_cardinal(str(number))} == {number}


def to_number(words: str) -> int:
    """Return the spelled number by arithmetic, without the table of scales."""
    small = {spell_cardinal(str(n)): n for n in (*range(20), *range(20, 100, 10))}
    scales = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
    total = part = 0
    for word in words.replace(" and ", " ").split():
        word = "one" if word == "a" else word
        if word in scales:
            total, part = total + part * scales[word], 0
        else:
            part = part * 100 if word == "hundred" else part + small[word]
    return total + part


@pytest.mark.parametrize(
    ("digits", "spoken"),
    [
        ("1900", "nineteen hundred"),
        ("1905", "nineteen oh five"),
        ("2000", "two thousand"),
        ("2026", "twenty twenty six"),
    ],
)
def test_years_are_read(digits: str, spoken: str) -> None:
    assert read_year(digits)[0] == spoken


def test_a_grouped_number_is_not_a_year() -> None:
    assert read_whole("1,984")[0] == "one thousand nine hundred eighty four"
