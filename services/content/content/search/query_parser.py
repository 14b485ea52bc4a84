"""What an editor means by a search text."""

import re
from dataclasses import dataclass

from shared.errors import invalid

FIELD = "#/query/search"
MIN_PREFIX_LETTERS = 2
MIN_LAST_WORD_LETTERS = 3
"""From so many letters on, the last word is taken for one that may still be being typed."""

MAX_PREFIXES = 5
"""Each may stand for hundreds of words, and all of them are compared in every text that is ranked."""
MAX_EXCLUSIONS = 20
"""PostgreSQL keeps up to 32 that wait for their word, and fails beyond."""

_EXCLUSION = re.compile(r"(?<![^\W_])-|-(?![^\W_])")
_TOKEN = re.compile(r'-?"[^"]*"?|\S+')
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class ParsedQuery:
    """Words, "phrases", -exclusions and `or`, as PostgreSQL's web search takes them, and beginnings of words.

    `unfinished` is the last word, if it may be a beginning too; `before` is the text in front of it.
    """

    text: str
    prefixes: tuple[str, ...] = ()
    before: str = ""
    last_word: str | None = None
    last_word_is_prefix: bool = False

    def with_last_word_as_prefix(self) -> "ParsedQuery":
        """The same with the last word as a beginning."""
        last = (self.last_word,) if self.last_word else ()
        return ParsedQuery(self.before, (*self.prefixes, *last), last_word_is_prefix=True)


def parse_query(search: str) -> ParsedQuery:
    """Read a search text.

    Raises Invalid for the beginning of a word that is too short, too many of them, and too many exclusions.
    """
    if len(_EXCLUSION.findall(search)) > MAX_EXCLUSIONS:
        raise invalid(FIELD, f"must have at most {MAX_EXCLUSIONS} exclusions")
    plain, prefixes = [], []
    for token in _TOKEN.findall(search):
        if token.endswith("*") and not token.startswith(("-", '"')):
            prefixes += _beginning(token)
        else:
            plain.append(token)
    # Twice the same is once.
    prefixes = list(dict.fromkeys(prefixes))
    if len(prefixes) > MAX_PREFIXES:
        raise invalid(FIELD, f"must have at most {MAX_PREFIXES} beginnings of words")
    last = plain[-1] if plain and not search.endswith(("*", '"')) else ""
    if len(last) < MIN_LAST_WORD_LETTERS or not _WORD.fullmatch(last):
        return ParsedQuery(" ".join(plain), tuple(prefixes))
    return ParsedQuery(" ".join(plain), tuple(prefixes), " ".join(plain[:-1]), last)


def _beginning(token: str) -> list[str]:
    """The words of a token like `e-mai*`; each may go on."""
    words = _WORD.findall(token)
    if words and len(words[-1]) < MIN_PREFIX_LETTERS:
        raise invalid(FIELD, f"must have at least {MIN_PREFIX_LETTERS} letters in front of *")
    return words
