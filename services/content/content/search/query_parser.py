import re
from dataclasses import dataclass

from shared.errors import field_error

FIELD = "#/query/search"
MIN_PREFIX_LETTERS = 2
MIN_LAST_WORD_LETTERS = 3
"""A shorter last word is not tried as a prefix."""
MAX_PREFIXES = 5
"""Each may stand for hundreds of words, and each of those is compared with every ranked text."""
MAX_EXCLUSIONS = 20
"""PostgreSQL's parser fails beyond 32 nested negations."""

_EXCLUSION = re.compile(r"(?<![^\W_])-|-(?![^\W_])")
_TOKEN = re.compile(r'-?"[^"]*"?|\S+')
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class ParsedQuery:
    """Text for PostgreSQL's `websearch_to_tsquery` (words, "phrases", -exclusions, `or`), and prefixes.

    `last_word` is set if it may be a prefix too; `before` is the text in front of it.
    """

    text: str
    prefixes: tuple[str, ...] = ()
    before: str = ""
    last_word: str | None = None
    last_word_is_prefix: bool = False

    def with_last_word_as_prefix(self) -> "ParsedQuery":
        last = (self.last_word,) if self.last_word else ()
        return ParsedQuery(self.before, (*self.prefixes, *last), last_word_is_prefix=True)


def parse_query(search: str) -> ParsedQuery:
    """Parse a search. Raises Invalid for a short prefix, and for too many prefixes or exclusions."""
    if len(_EXCLUSION.findall(search)) > MAX_EXCLUSIONS:
        raise field_error(FIELD, f"must have at most {MAX_EXCLUSIONS} exclusions")
    plain: list[str] = []
    prefixes: list[str] = []
    for token in _TOKEN.findall(search):
        if token.endswith("*") and not token.startswith(("-", '"')):
            prefixes += _to_prefixes(token)
        else:
            plain.append(token)
    prefixes = list(dict.fromkeys(prefixes))
    if len(prefixes) > MAX_PREFIXES:
        raise field_error(FIELD, f"must have at most {MAX_PREFIXES} prefixes")
    last = plain[-1] if plain and not search.endswith(("*", '"')) else ""
    if len(last) < MIN_LAST_WORD_LETTERS or not _WORD.fullmatch(last):
        return ParsedQuery(" ".join(plain), tuple(prefixes))
    return ParsedQuery(" ".join(plain), tuple(prefixes), " ".join(plain[:-1]), last)


def _to_prefixes(token: str) -> list[str]:
    """Split a token such as `e-mai*` into words. Each is a prefix."""
    words = _WORD.findall(token)
    if words and len(words[-1]) < MIN_PREFIX_LETTERS:
        raise field_error(FIELD, f"must have at least {MIN_PREFIX_LETTERS} letters before *")
    return words
