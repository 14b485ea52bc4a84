"""Reads dates aloud: May 21, Jan. 3rd, 21st May 1984, 5/21/2026, 2026-05-21."""

import re
from collections.abc import Iterator
from itertools import islice

from scoring.text.numerals import YEARS, read_ordinal, read_whole, read_year, spell_cardinal
from scoring.text.readings import Readings, join, unite

MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
]  # fmt: skip
SHORT_MONTHS = {name[:3]: name for name in MONTHS} | {"sept": "september"}
BEFORE_A_DATE = re.compile(r"\b(?:on|by|from|since|until|till|before|after)\s$", re.IGNORECASE)
VERBS = {"may", "march"}
"""In lower case, these are rarely months: `you may 5 times`."""
_NAMES = "|".join([*MONTHS, *sorted(SHORT_MONTHS, key=len, reverse=True)])
_DAY = r"(?P<day>[0-3]?\d)(?P<suffix>st|nd|rd|th)?(?![\w/%]|[.,:]\d)"
MONTH_AND_DAY = re.compile(rf"(?P<month>{_NAMES})\b\.?\s{{0,3}}{_DAY}", re.IGNORECASE)
DAY_AND_MONTH = re.compile(
    rf"(?P<day>[0-3]?\d)(?P<suffix>st|nd|rd|th)?(?:\s(?P<of>of))?\s(?P<month>{_NAMES})\b\.?(?!\w)",
    re.IGNORECASE,
)
NUMERIC_DATE = re.compile(
    r"(?P<first>[0-3]?\d)(?P<mark>[/.-])(?P<second>[0-3]?\d)(?P=mark)(?P<year>\d{4})(?!\d)"
)
ISO_DATE = re.compile(r"(?P<year>[12]\d{3})(?P<mark>[-/.])(?P<month>[01]\d)(?P=mark)(?P<day>[0-3]\d)(?!\d)")


def read_month_and_day(match: re.Match[str]) -> Readings | None:
    if not 1 <= int(match["day"]) <= 31:
        return None
    days = _read_day(match["day"], match["suffix"])
    return join((name_month(match["month"]),), days[::-1] if match["month"] in VERBS else days)


def read_day_and_month(match: re.Match[str]) -> Readings | None:
    if not 1 <= int(match["day"]) <= 31:
        return None
    month, ordinals = name_month(match["month"]), read_ordinal(match["day"])
    if match["of"]:
        return join(unite(ordinals, (f"the {ordinal}" for ordinal in ordinals)), (f"of {month}",))
    as_date = [form.format(ordinal) for form in ("{}", "the {} of", "{} of") for ordinal in ordinals]
    as_count = () if match["suffix"] else (spell_cardinal(match["day"]),)
    before = (as_count, as_date) if match["month"] in VERBS else (as_date, as_count)
    after = (f"{month} {day}" for day in _read_day(match["day"], match["suffix"]))
    return unite((f"{day} {month}" for day in unite(*before)), after)


def name_month(abbreviation: str) -> str:
    lower = abbreviation.lower()
    return SHORT_MONTHS.get(lower, lower)


def _read_day(digits: str, suffix: str | None) -> Readings:
    ordinals = read_ordinal(str(int(digits)))
    cardinal = () if suffix else (spell_cardinal(str(int(digits))),)
    return unite(ordinals, (f"the {ordinal}" for ordinal in ordinals), cardinal)


def read_numeric_date(match: re.Match[str]) -> Readings | None:
    """Read 5/3/2026 as an American or a European date, or number by number."""
    first, second = int(match["first"]), int(match["second"])
    days = unite(_read_days(first, second), _read_days(second, first) if first != second else ())
    if not days:
        return None
    return join(
        [*days[:7], f"{spell_cardinal(str(first))} {spell_cardinal(str(second))}"], _read_years(match["year"])
    )


def read_iso_date(match: re.Match[str]) -> Readings | None:
    month, day, years = int(match["month"]), int(match["day"]), _read_years(match["year"])
    days = unite(_read_days(month, day))
    if not days:
        return None
    numbers = f"{_spell_with_oh(month)} {_spell_with_oh(day)}"
    return unite(join(days[:3], years), join(years, (*days[:2], numbers)))


def read_short_date(first: int, second: int, before: str) -> Readings:
    """Read 12/25 and 25/12, and 4/7 if the word before it announces a date."""
    if max(first, second) <= 12 and not BEFORE_A_DATE.search(before):
        return ()
    american, european = _read_days(first, second), _read_days(second, first)
    return unite(islice(american, 2), islice(european, 2))


def _read_days(month: int, day: int) -> Iterator[str]:
    if 1 <= month <= 12 and 1 <= day <= 31:
        name = MONTHS[month - 1]
        for ordinal in read_ordinal(str(day)):
            yield from (f"{name} {ordinal}", f"the {ordinal} of {name}", f"{ordinal} of {name}")


def _read_years(digits: str) -> Readings:
    return read_year(digits) if int(digits) in YEARS else read_whole(digits)


def _spell_with_oh(number: int) -> str:
    return f"{'oh ' if number < 10 else ''}{spell_cardinal(str(number))}"
