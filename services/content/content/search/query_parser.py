"""What an editor means by a search text."""

import re
from dataclasses import dataclass

from shared.errors import invalid

FIELD = "#/query/search"
SHORTEST_PREFIX = 2
SHORTEST_UNFINISHED = 3
"""From so many letters on, the last word is taken for one that may still be being typed."""

MOST_BEGINNINGS = 5
"""Each may stand for hundreds of words, and all of them are compared in every text that is ranked."""
MOST_EXCLUSIONS = 20
"""PostgreSQL keeps up to 32 that wait for their word, and fails beyond."""

_EXCLUSION = re.compile(r"(?<![^\W_])-|-(?![^\W_])")
_TOKEN = re.compile(r'-?"[^"]*"?|\S+')
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Terms:
    """Words, "phrases", -exclusions and `or`, as PostgreSQL's web search takes them, and beginnings of words.

    `unfinished` is the last word, if it may be a beginning too; `before` is the text in front of it.
    """

    text: str
    beginnings: tuple[str, ...] = ()
    before: str = ""
    unfinished: str | None = None
    is_typed: bool = False

    def typed(self) -> "Terms":
        """The same with the last word as a beginning."""
        last = (self.unfinished,) if self.unfinished else ()
        return Terms(self.before, (*self.beginnings, *last), is_typed=True)


def terms_of(search: str) -> Terms:
    """Read a search text.

    Raises Invalid for the beginning of a word that is too short, too many of them, and too many exclusions.
    """
    if len(_EXCLUSION.findall(search)) > MOST_EXCLUSIONS:
        raise invalid(FIELD, f"must have at most {MOST_EXCLUSIONS} exclusions")
    plain, beginnings = [], []
    for token in _TOKEN.findall(search):
        if token.endswith("*") and not token.startswith(("-", '"')):
            beginnings += _beginning(token)
        else:
            plain.append(token)
    # Twice the same is once.
    beginnings = list(dict.fromkeys(beginnings))
    if len(beginnings) > MOST_BEGINNINGS:
        raise invalid(FIELD, f"must have at most {MOST_BEGINNINGS} beginnings of words")
    last = plain[-1] if plain and not search.endswith(("*", '"')) else ""
    if len(last) < SHORTEST_UNFINISHED or not _WORD.fullmatch(last):
        return Terms(" ".join(plain), tuple(beginnings))
    return Terms(" ".join(plain), tuple(beginnings), " ".join(plain[:-1]), last)


def _beginning(token: str) -> list[str]:
    """The words of a token like `e-mai*`; each may go on."""
    words = _WORD.findall(token)
    if words and len(words[-1]) < SHORTEST_PREFIX:
        raise invalid(FIELD, f"must have at least {SHORTEST_PREFIX} letters in front of *")
    return words
