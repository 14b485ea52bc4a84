"""Splits a written text into the words that are spoken."""

import re
import unicodedata
from typing import Literal

from scoring.text.numerals import spell_numbers

STRAIGHT_APOSTROPHES = str.maketrans(dict.fromkeys("‘’ʼ`´ʹ", "'"))  # noqa: RUF001 - apostrophes as keyboards produce them
SPOKEN_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at ", "°": " degrees "}
ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "vs": "versus", "etc": "et cetera"}
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
ENGLISH = re.compile(r"[a-z']+")


def to_spoken_words(text: str) -> tuple[str, ...]:
    """Return the words in spoken order: lower case, numbers spelled out, split at hyphens, none dropped."""
    plain = _strip_accents(_normalize("NFKD", text)).lower()
    for sign, spoken in SPOKEN_SIGNS.items():
        plain = plain.replace(sign, spoken)
    found = WORD.findall(spell_numbers(plain))
    return tuple(part for word in found for part in ABBREVIATIONS.get(word, word).split())


def to_spoken_text(text: str) -> str:
    """Spell out numbers and signs like `to_spoken_words`, but keep the punctuation: it shows pauses."""
    plain = _normalize("NFKC", text)
    for sign, spoken in SPOKEN_SIGNS.items():
        plain = plain.replace(sign, spoken)
    return " ".join(spell_numbers(plain).split())


def is_english(word: str) -> bool:
    return ENGLISH.fullmatch(word) is not None


def _normalize(form: Literal["NFKC", "NFKD"], text: str) -> str:
    # An acute accent that is an apostrophe would become a space, and some characters become apostrophes.
    straight = text.translate(STRAIGHT_APOSTROPHES)
    return unicodedata.normalize(form, straight).translate(STRAIGHT_APOSTROPHES)


def _strip_accents(decomposed: str) -> str:
    return "".join(character for character in decomposed if not unicodedata.combining(character))
