"""Spells numbers as an American speaker reads them aloud."""

import re
from collections.abc import Callable
from re import Match

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
CURRENCIES = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
DIGIT_BY_DIGIT_FROM = 10**15
"""Numbers from here on are read digit by digit."""

NUMBER = re.compile(
    r"(?P<currency>[$€£])?(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
    r"(?:(?P<ordinal>st|nd|rd|th)\b|(?P<plural>'?s)\b|:(?P<minutes>[0-5]\d)\b|\.(?P<fraction>\d+))?",
    re.IGNORECASE,
)


def spell_numbers(text: str) -> str:
    """Spell out the numbers, amounts, years and times of day in a text."""
    return NUMBER.sub(lambda found: f" {_spell(found)} ", text)


def _spell(found: Match[str]) -> str:
    whole, fraction = found["whole"].replace(",", ""), found["fraction"]
    if found["currency"]:
        return _spell_amount(whole, fraction, *CURRENCIES[found["currency"]])
    if found["minutes"]:
        return _spell_time(int(whole), int(found["minutes"]))
    if fraction:
        return f"{spell_cardinal(whole)} point {_spell_digits(fraction)}"
    reading = (
        spell_year(whole) if found["whole"].isdigit() and not found["ordinal"] else spell_cardinal(whole)
    )
    if found["ordinal"]:
        return _change_last_word(reading, _to_ordinal)
    return _change_last_word(reading, _to_plural) if found["plural"] else reading


def spell_cardinal(digits: str) -> str:
    """Spell `342` as three hundred forty two. Leading zeros and long numbers are read digit by digit."""
    value = int(digits) if len(digits) < 16 else DIGIT_BY_DIGIT_FROM
    if value >= DIGIT_BY_DIGIT_FROM or (digits[0] == "0" and len(digits) > 1):
        return _spell_digits(digits)
    return _spell_integer(value)


def _spell_integer(value: int) -> str:
    for scale, name in SCALES:
        if value >= scale:
            rest = f" {_spell_integer(value % scale)}" if value % scale else ""
            return f"{_spell_integer(value // scale)} {name}{rest}"
    if value < len(SMALL):
        return SMALL[value]
    rest = f" {SMALL[value % 10]}" if value % 10 else ""
    return TENS[value // 10 - 2] + rest


def spell_year(digits: str) -> str:
    """Spell four digits as a year (nineteen eighty four) if they look like one, else as a cardinal."""
    century, rest = divmod(int(digits[:4]), 100)
    if len(digits) != 4 or century not in range(11, 21) or (century == 20 and rest < 10):
        return spell_cardinal(digits)
    if rest == 0:
        return f"{_spell_integer(century)} hundred"
    return f"{_spell_integer(century)} {'oh ' if rest < 10 else ''}{_spell_integer(rest)}"


def _spell_time(hour: int, minutes: int) -> str:
    if minutes == 0:
        return f"{_spell_integer(hour)} o'clock"
    return f"{_spell_integer(hour)} {'oh ' if minutes < 10 else ''}{_spell_integer(minutes)}"


def _spell_amount(whole: str, fraction: str | None, unit: str, part: str) -> str:
    spoken = (
        f"{spell_cardinal(whole)} {_inflect(unit, int(whole) if len(whole) < 16 else DIGIT_BY_DIGIT_FROM)}"
    )
    if not fraction:
        return spoken
    if len(fraction) != 2:
        return f"{spell_cardinal(whole)} point {_spell_digits(fraction)} {_to_plural(unit)}"
    parts = int(fraction)
    return f"{spoken} and {_spell_integer(parts)} {_inflect(part, parts)}" if parts else spoken


def _inflect(noun: str, count: int) -> str:
    return noun if count == 1 else {"penny": "pence"}.get(noun, f"{noun}s")


def _spell_digits(digits: str) -> str:
    return " ".join(SMALL[int(digit)] for digit in digits)


def _change_last_word(reading: str, change: Callable[[str], str]) -> str:
    head, _, last = reading.rpartition(" ")
    return f"{head} {change(last)}".strip()


def _to_ordinal(word: str) -> str:
    if word in ORDINALS:
        return ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"


def _to_plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith("x") else "s")
