"""Divides a written text into tokens, each with its usual readings."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from scoring.text import (
    abbreviations,
    addresses,
    amounts,
    asides,
    clock,
    dates,
    initials,
    roman,
    signs,
    telephone,
    units,
)
from scoring.text.characters import clean, fold_letters
from scoring.text.readings import Readings, Token

type Part = tuple[int, int, Readings]
"""Where it starts and ends, and its readings."""
type Read = Callable[[re.Match[str]], Iterable[Part] | None]


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    read: Read


WORD = re.compile(r"'?[^\W\d_]+(?:'[^\W\d_]+)*'?")


def read_tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a cleaned text in order. Punctuation belongs to none."""
    tokens = tuple(_scan(text))
    if any(token.words for token in tokens):
        return tokens
    # Nothing else is to be said: what stands in brackets is the text.
    spoken = [max(token.readings, key=len) for token in tokens if text[token.start] in "[("]
    return tuple(Token(text, 0, len(text), (words,)) for words in spoken[:1] if words)


def _scan(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        end = position
        for start, end, readings in _read_at(text, position):
            if readings:
                yield Token(text[start:end], start, end, tuple(tuple(each.split()) for each in readings))
        position = max(end, position + 1)


def _read_at(text: str, position: int) -> list[Part]:
    for rule in RULES:
        found = rule.pattern.match(text, position)
        parts = list(rule.read(found) or ()) if found and found[0] else []
        if parts:
            return parts
    return []


def _whole(read: Callable[[re.Match[str]], Readings | None]) -> Read:
    """Make one part of all that was found."""

    def read_part(found: re.Match[str]) -> Iterable[Part] | None:
        readings = read(found)
        return None if readings is None else [(found.start(), found.end(), readings)]

    return read_part


def _at_start(read: Read) -> Read:
    """Read only what does not start within a word or a number."""

    def read_part(found: re.Match[str]) -> Iterable[Part] | None:
        return None if found.start() and found.string[found.start() - 1].isalnum() else read(found)

    return read_part


def _read_aside(found: re.Match[str]) -> Readings | None:
    if not asides.is_aside(found):
        return None
    inside = " ".join(word for token in _scan(found[0][1:-1]) for word in token.words)
    return ("", inside) if inside else ("",)


def _read_label(found: re.Match[str]) -> Readings | None:
    if not asides.is_label(found):
        return None
    name = " ".join(word for token in _scan(found[0].rstrip(": ")) for word in token.words)
    return (name, "") if asides.is_spoken_label(found) else ("", name)


def _read_word(found: re.Match[str]) -> Iterable[Part] | None:
    written, start = found[0], found.start()
    bare = written.strip("'")
    if written[0] == "'" and fold_letters(bare) in abbreviations.WITH_APOSTROPHE:
        return [(start, found.end(), abbreviations.WITH_APOSTROPHE[fold_letters(bare)])]
    start += len(written) - len(written.lstrip("'"))
    return [(start, start + len(bare), initials.read_word(bare))]


RULES = (
    Rule(asides.ASIDE, _whole(_read_aside)),
    Rule(asides.LABEL, _at_start(_whole(_read_label))),
    Rule(addresses.EMAIL, _at_start(addresses.read_address)),
    Rule(addresses.WEB, _at_start(addresses.read_address)),
    Rule(addresses.TAG, addresses.read_tag),
    Rule(abbreviations.SLASHED, _at_start(_whole(abbreviations.read_slashed))),
    Rule(dates.ISO_DATE, _at_start(_whole(dates.read_iso_date))),
    Rule(dates.NUMERIC_DATE, _at_start(_whole(dates.read_numeric_date))),
    Rule(dates.MONTH_AND_DAY, _at_start(_whole(dates.read_month_and_day))),
    Rule(dates.DAY_AND_MONTH, _at_start(_whole(dates.read_day_and_month))),
    Rule(clock.FULL_HOUR, _at_start(_whole(clock.read_full_hour))),
    Rule(clock.TIME, _at_start(_whole(clock.read_time))),
    Rule(clock.RATIO, _at_start(_whole(clock.read_ratio))),
    Rule(telephone.PHONE, _at_start(telephone.read_phone)),
    Rule(amounts.MONEY_RANGE, _at_start(_whole(amounts.read_money_range))),
    Rule(amounts.MONEY, _at_start(_whole(amounts.read_money))),
    Rule(amounts.MONEY_AFTER, _at_start(_whole(amounts.read_money))),
    Rule(amounts.FEET_AND_INCHES, _at_start(_whole(amounts.read_feet_and_inches))),
    Rule(amounts.ORDINAL, _at_start(_whole(amounts.read_ordinal_number))),
    Rule(amounts.PLURAL, _at_start(_whole(amounts.read_plural))),
    Rule(amounts.FRACTION, _at_start(_whole(amounts.read_fraction))),
    Rule(amounts.MEASURE, _at_start(_whole(amounts.read_measure))),
    Rule(amounts.DECADE, _at_start(_whole(amounts.read_decade))),
    Rule(amounts.DOTTED, _at_start(_whole(amounts.read_dotted))),
    Rule(amounts.DECIMAL, _whole(amounts.read_decimal_number)),
    Rule(initials.MIXED, _at_start(initials.read_mixed)),
    Rule(amounts.NUMBER, _whole(amounts.read_number)),
    Rule(initials.DEGREE, _at_start(_whole(initials.read_degree))),
    Rule(initials.DOTTED_LETTERS, _at_start(_whole(initials.read_dotted_letters))),
    Rule(units.LONE_UNIT, _at_start(_whole(units.read_lone_unit))),
    Rule(abbreviations.ABBREVIATION, _at_start(_whole(abbreviations.read_abbreviation))),
    Rule(roman.YEAR_NUMERAL, _at_start(_whole(roman.read_year_numeral))),
    Rule(roman.SMALL_NUMERAL, _at_start(_whole(roman.read_small_numeral))),
    Rule(initials.CAPITALS, _at_start(_whole(initials.read_capitals))),
    Rule(signs.TIMES, _whole(signs.read_times)),
    Rule(WORD, _read_word),
    Rule(signs.SIGN, _whole(signs.read_sign)),
)
"""Tried in this order where a token may start."""


def tokenize(text: str) -> tuple[Token, ...]:
    """Clean a text and return its tokens."""
    return read_tokens(clean(text))
