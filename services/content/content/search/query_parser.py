import re
from dataclasses import dataclass, replace

from shared.errors import field_error

FIELD = "#/query/search"
MIN_PREFIX_LETTERS = 2
MIN_LAST_WORD_LETTERS = 3
"""A shorter last word is not searched as a prefix."""
MAX_PREFIXES = 5
"""Each prefix may match hundreds of words, each of which is compared with every ranked text."""
MAX_EXCLUSIONS = 20

_TOKEN = re.compile(r'-?"[^"]*"?|\S+')
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, kw_only=True)
class Token:
    """A search token, delimited by spaces or quotes. `text` contains no syntax."""

    text: str
    is_phrase: bool = False
    is_prefix: bool = False
    is_excluded: bool = False

    @property
    def is_or(self) -> bool:
        return self.text.lower() == "or" and not (self.is_phrase or self.is_prefix or self.is_excluded)


@dataclass(frozen=True)
class ParsedQuery:
    tokens: tuple[Token, ...]
    last_word_is_incomplete: bool = False
    """The last token may be incomplete."""
    last_word_is_prefix: bool = False

    @property
    def has_prefixes(self) -> bool:
        return any(token.is_prefix for token in self.tokens)

    def mark_last_word_as_prefix(self) -> "ParsedQuery":
        *others, last = self.tokens
        return ParsedQuery((*others, replace(last, is_prefix=True)), last_word_is_prefix=True)


def parse_query(search: str) -> ParsedQuery:
    """Parse a search. Raises Invalid for a short prefix, and for too many prefixes or exclusions."""
    raw = _TOKEN.findall(search)
    tokens = tuple(map(_to_token, raw))
    if sum(token.is_excluded for token in tokens) > MAX_EXCLUSIONS:
        raise field_error(FIELD, f"must have at most {MAX_EXCLUSIONS} exclusions")
    if len({token for token in tokens if token.is_prefix}) > MAX_PREFIXES:
        raise field_error(FIELD, f"must have at most {MAX_PREFIXES} prefixes")
    last = raw[-1] if raw else ""
    incomplete = len(last) >= MIN_LAST_WORD_LETTERS and _WORD.fullmatch(last) is not None
    return ParsedQuery(tokens, last_word_is_incomplete=incomplete)


def _to_token(raw: str) -> Token:
    words = _WORD.findall(raw)
    if raw.startswith(('-"', '"')):
        return Token(text=raw.strip('-"'), is_phrase=True, is_excluded=raw.startswith("-"))
    if raw.startswith("-"):
        return Token(text=raw[1:], is_excluded=bool(words))
    if not raw.endswith("*") or not words:
        return Token(text=raw)
    if len(words[-1]) < MIN_PREFIX_LETTERS:
        raise field_error(FIELD, f"must have at least {MIN_PREFIX_LETTERS} letters before *")
    return Token(text=raw.rstrip("*"), is_prefix=True)
