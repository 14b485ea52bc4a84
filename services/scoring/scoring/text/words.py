"""Splits a written text into the words that are spoken in its most usual reading."""

import re

from scoring.text.characters import clean, fold_letters
from scoring.text.readings import Token
from scoring.text.tokens import read_tokens, tokenize

MAX_SHOWN_LETTERS = 40
ENGLISH = re.compile(r"[a-z']+")
PAUSES = re.compile(r"[^\s.,;:!?–—…'\"()-]")
WORD_END = re.compile(r"\s|$")
PUNCTUATION = ".,;:!?…()[]\"'–—-"


def to_spoken_words(text: str) -> tuple[str, ...]:
    """Return the words in spoken order, in lower case, split at hyphens, with numbers spelled out."""
    return tuple(word for token in tokenize(text) for word in token.words)


def to_spoken_text(text: str) -> str:
    """Spell out numbers and signs like `to_spoken_words`, but keep the punctuation: it shows pauses."""
    plain = clean(text)
    tokens = read_tokens(plain)
    words = tuple(word for token in tokens for word in token.words)
    spoken = " ".join("".join(_spell_out(plain, tokens)).split())
    # In rare cases, words and punctuation together would be read in another way.
    return spoken if to_spoken_words(spoken) == words else " ".join(words)


def is_english(word: str) -> bool:
    return ENGLISH.fullmatch(word) is not None


def _spell_out(text: str, tokens: tuple[Token, ...]) -> list[str]:
    spoken, position = list[str](), 0
    for token in tokens:
        spoken.append(PAUSES.sub(" ", text[position : token.start]))
        is_word = token.words == (fold_letters(token.source_text),)
        spoken.append(token.source_text if is_word else f" {' '.join(token.words)} ")
        position = token.end
    return [*spoken, PAUSES.sub(" ", text[position:])]


def find_foreign_word(text: str) -> str | None:
    """Return the first word that is not in the Latin script, as written in the text, or None."""
    plain = clean(text)
    foreign = (token for token in read_tokens(plain) if not all(map(is_english, token.words)))
    return next((find_written_word(plain, token) for token in foreign), None)


def find_written_word(text: str, token: Token) -> str:
    """Return the word around a token, as written in a cleaned text."""
    start = max(text.rfind(" ", 0, token.start), text.rfind("\n", 0, token.start)) + 1
    end = WORD_END.search(text, token.end)
    return text[start : end.start() if end else len(text)].strip(PUNCTUATION)[:MAX_SHOWN_LETTERS]
