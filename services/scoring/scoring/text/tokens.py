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
"""Start, end and readings of a token."""


@dataclass(frozen=True)
class Rule:
    """Reads the whole match of its pattern as one token. If `within_words`, a match may start inside a word
    or a number.
    """

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Readings | None]
    within_words: bool = False

    def find_parts(self, match: re.Match[str]) -> Iterable[Part]:
        readings = self.read(match)
        return [] if readings is None else [(match.start(), match.end(), readings)]


@dataclass(frozen=True)
class SplitRule:
    """Reads the match of its pattern as several tokens, or only a part of it."""

    pattern: re.Pattern[str]
    find_parts: Callable[[re.Match[str]], Iterable[Part] | None]
    within_words: bool = False


WORD = re.compile(r"'?[^\W\d_]+(?:'[^\W\d_]+)*'?")


def read_tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of a cleaned text in order, without punctuation."""
    tokens = tuple(_scan(text))
    if any(token.words for token in tokens):
        return tokens
    # Without any other words, those in brackets are the text.
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
                yield Token(
                    text[start:end], start, end, tuple(tuple(reading.split()) for reading in readings)
                )
        position = max(end, position + 1)


def _read_at(text: str, position: int) -> list[Part]:
    is_within_word = position > 0 and text[position - 1].isalnum()
    for rule in RULES:
        if is_within_word and not rule.within_words:
            continue
        match = rule.pattern.match(text, position)
        parts = list(rule.find_parts(match) or ()) if match and match[0] else []
        if parts:
            return parts
    return []


def _read_aside(match: re.Match[str]) -> Readings | None:
    if not asides.is_aside(match):
        return None
    inside = " ".join(word for token in _scan(match[0][1:-1]) for word in token.words)
    return ("", inside) if inside else ("",)


def _read_label(match: re.Match[str]) -> Readings | None:
    if not asides.is_label(match):
        return None
    name = " ".join(word for token in _scan(match[0].rstrip(": ")) for word in token.words)
    return (name, "") if asides.is_spoken_label(match) else ("", name)


def _read_word(match: re.Match[str]) -> Iterable[Part] | None:
    word, start = match[0], match.start()
    without_quotes = word.strip("'")
    if word[0] == "'" and fold_letters(without_quotes) in abbreviations.WITH_APOSTROPHE:
        return [(start, match.end(), abbreviations.WITH_APOSTROPHE[fold_letters(without_quotes)])]
    start += len(word) - len(word.lstrip("'"))
    return [(start, start + len(without_quotes), initials.read_word(without_quotes))]


RULES: tuple[Rule | SplitRule, ...] = (
    Rule(asides.ASIDE, _read_aside, within_words=True),
    Rule(asides.LABEL, _read_label),
    SplitRule(addresses.EMAIL, addresses.read_address),
    SplitRule(addresses.WEB_ADDRESS, addresses.read_address),
    SplitRule(addresses.TAG, addresses.read_tag, within_words=True),
    Rule(abbreviations.SLASHED, abbreviations.read_slashed),
    Rule(dates.ISO_DATE, dates.read_iso_date),
    Rule(dates.NUMERIC_DATE, dates.read_numeric_date),
    Rule(dates.MONTH_AND_DAY, dates.read_month_and_day),
    Rule(dates.DAY_AND_MONTH, dates.read_day_and_month),
    Rule(clock.FULL_HOUR, clock.read_full_hour),
    Rule(clock.TIME, clock.read_time),
    Rule(clock.RATIO, clock.read_ratio),
    SplitRule(telephone.PHONE, telephone.read_phone),
    Rule(amounts.MONEY_RANGE, amounts.read_money_range),
    Rule(amounts.MONEY, amounts.read_money),
    Rule(amounts.MONEY_AFTER, amounts.read_money),
    Rule(amounts.FEET_AND_INCHES, amounts.read_feet_and_inches),
    Rule(amounts.INCHES, amounts.read_inches),
    Rule(amounts.ORDINAL, amounts.read_ordinal_number),
    Rule(amounts.PLURAL, amounts.read_plural),
    Rule(amounts.FRACTION, amounts.read_fraction),
    Rule(amounts.MEASURE, amounts.read_measure),
    Rule(amounts.DECADE, amounts.read_decade),
    Rule(amounts.DOTTED, amounts.read_dotted_number),
    Rule(amounts.DECIMAL, amounts.read_decimal_number, within_words=True),
    SplitRule(initials.MIXED, initials.read_mixed),
    Rule(amounts.NUMBER, amounts.read_number, within_words=True),
    Rule(initials.DEGREE, initials.read_degree),
    Rule(initials.DOTTED_LETTERS, initials.read_dotted_letters),
    Rule(units.COMPASS, units.read_compass),
    Rule(units.LONE_UNIT, units.read_lone_unit),
    Rule(abbreviations.ABBREVIATION, abbreviations.read_abbreviation),
    Rule(roman.YEAR_NUMERAL, roman.read_year_numeral),
    Rule(roman.SMALL_NUMERAL, roman.read_small_numeral),
    Rule(initials.CAPITALS, initials.read_capitals),
    Rule(signs.TIMES, signs.read_times, within_words=True),
    SplitRule(WORD, _read_word, within_words=True),
    Rule(signs.SIGN, signs.read_sign, within_words=True),
)
"""In the order in which they are tried."""


def tokenize(text: str) -> tuple[Token, ...]:
    """Clean a text and return its tokens."""
    return read_tokens(clean(text))
