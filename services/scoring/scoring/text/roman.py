"""Reads Roman numerals aloud: Henry VIII, Chapter IV, MMXXVI."""

import re

from scoring.text.numerals import read_cardinal, read_ordinal, read_whole
from scoring.text.readings import Readings, get_text_after, get_text_before, unite

SMALL_NUMERAL = re.compile(r"(?=[XVI])X{0,3}(?:IX|IV|V?I{0,3})(?![^\W_]|')")
YEAR_NUMERAL = re.compile(
    r"(?=M[MDCLXVI]{3})M{1,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?![^\W_]|')"
)
VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
NUMBERED_NOUNS = {
    "chapter", "part", "war", "act", "scene", "volume", "book", "section", "level", "phase", "type", "stage",
    "grade", "unit", "lesson", "figure", "table", "appendix", "article", "title", "class", "division",
    "episode", "season", "round", "step", "page", "paragraph", "category", "mark", "rocky", "superbowl",
    "bowl", "apollo", "group", "question", "exercise", "theme",
}  # fmt: skip
RULERS = {
    "henry", "louis", "charles", "george", "edward", "james", "william", "richard", "elizabeth", "john",
    "paul", "pius", "benedict", "mary", "catherine", "philip", "alexander", "nicholas", "peter", "frederick",
    "napoleon", "leo", "gregory", "wilhelm", "ivan", "ferdinand", "francis", "juan", "felipe", "otto",
    "ramses", "xerxes", "darius", "victoria", "anne",
}  # fmt: skip
WORD_BEFORE = re.compile(r"([^\W\d_]+)\.?\s$")


def to_number(numeral: str) -> int:
    values = [VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def read_small_numeral(match: re.Match[str]) -> Readings | None:
    numeral = match[0]
    before = WORD_BEFORE.search(get_text_before(match))
    word = before[1] if before else ""
    letters = " ".join(numeral.lower())
    if len(numeral) == 1 and not (word[:1].isupper() or word.lower() in NUMBERED_NOUNS):
        return None
    digits = str(to_number(numeral))
    ordinals, cardinals = [f"the {ordinal}" for ordinal in read_ordinal(digits)], read_cardinal(digits)
    if re.match(r"(?:st|nd|rd|th)?\s?[Cc]entur", get_text_after(match)):
        return unite(read_ordinal(digits), cardinals)
    if word.lower() in RULERS:
        return unite(ordinals, cardinals, (letters,))
    if word.lower() in NUMBERED_NOUNS:
        return unite(cardinals, ordinals, (letters,))
    if len(numeral) == 1:
        return unite((letters,), cardinals, ordinals)
    return unite(cardinals, ordinals, (letters,))


def read_year_numeral(match: re.Match[str]) -> Readings:
    return read_whole(str(to_number(match[0])))
