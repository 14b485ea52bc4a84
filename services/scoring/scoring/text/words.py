"""Reference texts: from what is written to the words that are said."""

import re
import unicodedata

from scoring.text.numerals import spell_numbers

STRAIGHT_APOSTROPHES = str.maketrans(dict.fromkeys("‘’ʼ`´ʹ", "'"))  # noqa: RUF001 - the apostrophes that keyboards produce
SPOKEN_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at ", "°": " degrees "}
ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "vs": "versus", "etc": "et cetera"}
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
ENGLISH = re.compile(r"[a-z']+")


def to_spoken_words(text: str) -> tuple[str, ...]:
    """The words of a text in the order they are said: lower case, numbers spelled out, hyphens opened.

    Contractions stay one word. Letters of other alphabets stay too: nobody knows how such a word is said, but
    it is not silently dropped. Empty when nothing in the text can be said.
    """
    plain = _strip_accents(text.translate(STRAIGHT_APOSTROPHES)).lower()
    for sign, spoken in SPOKEN_SIGNS.items():
        plain = plain.replace(sign, spoken)
    found = WORD.findall(spell_numbers(plain))
    return tuple(part for word in found for part in ABBREVIATIONS.get(word, word).split())


def is_english(word: str) -> bool:
    """Whether the word is written in the letters of English, so that its pronunciation can be looked up."""
    return ENGLISH.fullmatch(word) is not None


def _strip_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))
