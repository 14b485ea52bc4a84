"""Reads times of day aloud: 7:05, 7.30, 6 p.m., 19:00."""

import re
from collections.abc import Iterator

from scoring.text.numerals import SMALL, ZERO_WORDS, read_decimal, read_digits, spell_cardinal
from scoring.text.readings import Readings, get_text_before, join, unite

HALF_OF_DAY = r"(?P<half>[ap])(?:\.\s?m\.|\.?m\b\.?(?!\w))"
TIME = re.compile(
    rf"(?P<hour>\d{{1,2}})(?P<mark>[:.h])(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:])"
    rf"(?:\s?{HALF_OF_DAY})?",
    re.IGNORECASE,
)
FULL_HOUR = re.compile(rf"(?P<hour>\d{{1,2}})\s?(?:o'clock\s)?{HALF_OF_DAY}", re.IGNORECASE)
RATIO = re.compile(r"(?P<first>\d{1,4}):(?P<second>\d{1,4})(?![\d:])")
BEFORE_A_TIME = re.compile(r"\b(?:at|until|till|before|after)\s$", re.IGNORECASE)
QUARTERS = {15: ("past", "after"), 30: ("past",), 45: ("to", "till", "of")}
QUARTER_NAMES = {15: ("quarter", "a quarter"), 30: ("half",), 45: ("quarter", "a quarter")}


def read_time(match: re.Match[str]) -> Readings | None:
    """Read 7:30 and 7.30. Returns None if the latter is a decimal."""
    hour, minute, day_half = int(match["hour"]), int(match["minute"]), match["half"]
    may_be_decimal = match["mark"] == "." and not day_half
    if may_be_decimal and not (hour < 25 and BEFORE_A_TIME.search(get_text_before(match))):
        return None
    if hour > 24 and not may_be_decimal:
        return None
    others = read_decimal(match["hour"], match["minute"])[:3] if may_be_decimal else ()
    if match["mark"] == ":" and minute >= 10 and not day_half:
        others = (f"{spell_cardinal(str(hour))} to {spell_cardinal(str(minute))}",)
    times = unite(list(_read_clock(hour, minute, day_half))[:9], others)
    if match["second"]:
        return join(times[:3], _read_seconds(int(match["second"])))
    return times


def read_full_hour(match: re.Match[str]) -> Readings:
    return unite(_read_clock(int(match["hour"]), 0, match["half"]))


def read_ratio(match: re.Match[str]) -> Readings:
    """Read 3:2 and 98:95, and 45:05 as forty five oh five."""
    second = match["second"]
    ends = ZERO_WORDS if second == "0" else read_digits(second)[:2] if second[0] == "0" else ()
    return join(
        (spell_cardinal(match["first"]),), ("to", "", "verse", "colon"), ends or (spell_cardinal(second),)
    )


def _read_clock(hour: int, minute: int, day_half: str | None) -> Iterator[str]:
    after = f" {day_half.lower()} m" if day_half else ""
    hour_name = spell_cardinal(str(hour))
    for minutes in _read_minutes(minute, hour, after):
        yield f"{hour_name} {minutes}{after}".replace("  ", " ").strip()
    civil = spell_cardinal(str((hour - 1) % 12 + 1))
    yield from _read_relative(minute, civil, hour)
    if hour > 12 and not day_half:
        yield from (f"{civil} {minutes}".strip() for minutes in _read_minutes(minute, 0, ""))


def _read_minutes(minute: int, hour: int, day_half: str) -> Readings:
    if minute == 0 and day_half:
        return ("", "o'clock")
    if minute == 0:
        return ("o'clock", "", "hundred", "hundred hours") if hour > 12 else ("o'clock", "", "oh oh")
    if minute < 10:
        return (f"oh {SMALL[minute]}", f"zero {SMALL[minute]}")
    return (spell_cardinal(str(minute)),)


def _read_relative(minute: int, hour: str, number: int) -> Iterator[str]:
    """Read a time as twenty past seven, or quarter to eight."""
    next_hour = spell_cardinal(str(number % 12 + 1))
    if minute in QUARTERS:
        reference_hour = next_hour if minute > 30 else hour
        yield from (
            f"{name} {link} {reference_hour}" for link in QUARTERS[minute] for name in QUARTER_NAMES[minute]
        )
    elif 0 < minute < 30:
        yield from (f"{spell_cardinal(str(minute))} {link} {hour}" for link in ("past", "minutes past"))
    elif minute:
        left = spell_cardinal(str(60 - minute))
        yield from (f"{left} {link} {next_hour}" for link in ("to", "minutes to"))
    elif number in (0, 12, 24):
        yield from ("noon", "midnight", "twelve noon", "twelve midnight")


def _read_seconds(second: int) -> Readings:
    spoken = spell_cardinal(str(second))
    oh = f"oh {spoken}" if second < 10 else spoken
    return unite((oh, f"and {spoken} seconds", f"{spoken} seconds"))
