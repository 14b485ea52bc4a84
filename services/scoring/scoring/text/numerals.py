"""Reads whole numbers and decimals aloud, in all usual ways."""

import re
from collections.abc import Callable, Iterable

from scoring.text.readings import Readings, join, unite

SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
ZERO_WORDS = ("zero", "nil", "love", "nothing", "oh")
"""Readings of 0 in the scores of games."""
REPETITION_WORDS = {2: "double", 3: "triple"}
DIGIT_BY_DIGIT_FROM = 10**15
"""This and larger numbers are read digit by digit."""
SERVICE_NUMBERS = {"911", "999", "112", "411"}
YEARS = range(1100, 2100)
MAX_COUNTED_DIGITS = 6
"""Longer numbers are probably telephone numbers, unless they are round."""
INTEGER_PATTERN = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|(?<![\d,.])\d{1,3}(?: \d{3})+(?![\d.]*\d)|\d+)"
"""A whole number, with or without thousands separators."""


def spell_cardinal(digits: str, link: str = "") -> str:
    """Spell `342` as three hundred forty two, or as three hundred and forty two with the link "and ".

    Leading zeros and long numbers are read digit by digit.
    """
    value = int(digits) if len(digits) < 16 else DIGIT_BY_DIGIT_FROM
    if value >= DIGIT_BY_DIGIT_FROM or (digits[0] == "0" and len(digits) > 1):
        return _spell_digits(digits)
    return _spell_integer(value, link)


def _spell_integer(value: int, link: str = "") -> str:
    for scale, name in SCALES:
        if value >= scale:
            remainder = value % scale
            linked = link if remainder < 100 else ""
            spoken = f" {linked}{_spell_integer(remainder, link)}" if remainder else ""
            return f"{_spell_integer(value // scale, link)} {name}{spoken}"
    if value < len(SMALL):
        return SMALL[value]
    ones = f" {SMALL[value % 10]}" if value % 10 else ""
    return TENS[value // 10 - 2] + ones


def read_cardinal(digits: str) -> Readings:
    """Read a count with and without "and", and 1,250 also as twelve hundred fifty."""
    plain = (spell_cardinal(digits), spell_cardinal(digits, "and "))
    with_article = (f"a {reading.removeprefix('one ')}" for reading in plain if _has_leading_one(reading))
    return unite(plain, _read_hundreds(digits), with_article)


def _has_leading_one(spoken: str) -> bool:
    first, _, remaining_words = spoken.partition(" ")
    return first == "one" and remaining_words.partition(" ")[0] in {name for _, name in SCALES}


def _read_hundreds(digits: str) -> Iterable[str]:
    value = int(digits) if len(digits) == 4 else 0
    if value < 1100 or value // 100 % 10 == 0:
        return
    hundreds, remainder = f"{_spell_integer(value // 100)} hundred", value % 100
    yield from (
        (f"{hundreds} {link}{_spell_integer(remainder)}" for link in ("", "and "))
        if remainder
        else (hundreds,)
    )


def read_digits(digits: str) -> Readings:
    """Read one digit after another: 007 as zero zero seven, oh oh seven, double oh seven."""
    with_oh = _spell_digits(digits).replace("zero", "oh")
    return unite((_spell_digits(digits), with_oh, _spell_repeated(digits)))


def _spell_digits(digits: str) -> str:
    return " ".join(SMALL[int(digit)] for digit in digits)


def _spell_repeated(digits: str) -> str:
    runs = re.findall(r"((\d)\2{0,2})", digits)
    names = (
        (REPETITION_WORDS.get(len(run), ""), "oh" if digit == "0" else SMALL[int(digit)])
        for run, digit in runs
    )
    return " ".join(f"{times} {name}".strip() for times, name in names)


def read_year(digits: str) -> Readings:
    """Read four digits as a year: nineteen oh five, twenty ten, two thousand and ten."""
    century, remainder = divmod(int(digits), 100)
    first = _spell_integer(century)
    if remainder == 0:
        return unite((f"{first} hundred",) if century != 20 else (), read_cardinal(digits))
    pairs = (
        (f"{first} oh {SMALL[remainder]}",) if remainder < 10 else (f"{first} {_spell_integer(remainder)}",)
    )
    if century == 20 and remainder < 10:
        return unite(read_cardinal(digits), pairs)
    counted = read_cardinal(digits) if century == 20 else _read_hundreds(digits)
    return unite(pairs, counted)


def _read_pairs(digits: str) -> Iterable[str]:
    """Read 747 as seven forty seven and 1205 as twelve oh five."""
    first, last_pair = digits[:-2].lstrip("0"), int(digits[-2:])
    if first and last_pair:
        yield f"{_spell_integer(int(first))} {'oh ' if last_pair < 10 else ''}{_spell_integer(last_pair)}"


def read_whole(number_text: str) -> Readings:
    """Read a whole number whose meaning is unknown: as a count, a year, a room or a telephone number."""
    digits = re.sub(r"\D", "", number_text)
    if digits != number_text:
        return unite(read_cardinal(digits), _read_apart(number_text))
    if len(digits) == 1:
        return ("zero", "oh", "nought") if digits == "0" else (SMALL[int(digits)],)
    if digits[0] == "0":
        return read_digits(digits)
    if len(digits) == 2:
        return read_cardinal(digits)
    if len(digits) > 4:
        return _read_long(digits)
    if len(digits) == 4 and int(digits) in YEARS:
        return unite(read_year(digits), read_cardinal(digits), read_digits(digits))
    first = read_digits(digits)[:1] if digits in SERVICE_NUMBERS else ()
    return unite(first, read_cardinal(digits), _read_pairs(digits), read_digits(digits))


def _read_long(digits: str) -> Readings:
    counted, single = read_cardinal(digits), read_digits(digits)
    is_counted = len(digits) <= MAX_COUNTED_DIGITS or digits.endswith("000")
    return unite(counted, single) if is_counted else unite(single, counted)


def _read_apart(number_text: str) -> Iterable[str]:
    """Read `20 300`, which may be two numbers."""
    if " " in number_text and not number_text.endswith(" 000"):
        yield " ".join(spell_cardinal(part) for part in number_text.split())


def read_ordinal(digits: str) -> Readings:
    return unite(change_last_word(reading, to_ordinal) for reading in read_cardinal(digits))


def read_decimal(integer_part: str, fraction: str, point: str = "point") -> Readings:
    """Read 2.05 as two point zero five. Without a whole part, zero may be omitted."""
    before = (
        read_cardinal(re.sub(r"\D", "", integer_part))
        if integer_part.strip("0")
        else ("zero", "", "oh", "nought")
    )
    if not integer_part:
        before = ("", "zero", "oh", "nought")
    after = [_spell_digits(fraction), _spell_digits(fraction).replace("zero", "oh")]
    if len(fraction) == 2 and fraction[0] != "0":
        after.append(_spell_integer(int(fraction)))
    return join(before, (point,), after)


def read_dotted(number_text: str) -> Readings:
    """Read version numbers and addresses: 3.2.1, 192.168.0.1."""
    parts = number_text.split(".")
    counted, single = [spell_cardinal(part) for part in parts], [read_digits(part)[0] for part in parts]
    with_dots = (f" {dot} ".join(part) for part in (counted, single) for dot in ("point", "dot"))
    return unite(with_dots, (" ".join(counted),))


def change_last_word(reading: str, change: Callable[[str], str]) -> str:
    head, _, last = reading.rpartition(" ")
    return f"{head} {change(last)}".strip()


def to_ordinal(word: str) -> str:
    if word in ORDINALS:
        return ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"


def to_plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith("x") else "s")
