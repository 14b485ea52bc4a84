"""Searches as PostgreSQL's tsquery.

A speech is indexed under each word as written, with weight A, under the word's English stem, and under each
pair of words. So `'look':A` finds "look" alone, `'look'` finds "looking" too, and `' look after'` finds "look
after" without reading all speeches that have both words.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from content.search.query_parser import ParsedQuery, Token

_SPLIT = text("""
    SELECT token, array_agg(word ORDER BY place), array_agg(coalesce(stem, '') ORDER BY place)
    FROM unnest(CAST(:tokens AS text[])) WITH ORDINALITY AS tokens (written, token),
         speech_words(written) AS words (word, stem, place)
    GROUP BY token ORDER BY token
""")


class Word(NamedTuple):
    """A word in indexed form. Words such as "the" have no stem."""

    text_as_written: str
    stem: str

    @property
    def as_written(self) -> str:
        return f"'{self.text_as_written}':A"

    @property
    def in_any_form(self) -> str:
        return f"'{self.stem}'" if self.stem else self.as_written


class Term(NamedTuple):
    token: Token
    words: Sequence[Word]

    @property
    def is_function_word(self) -> bool:
        token = self.token
        is_single = len(self.words) == 1 and not (token.is_phrase or token.is_prefix or token.is_excluded)
        return is_single and not self.words[0].stem


class TsQuery(NamedTuple):
    """`required` excludes function words, unless there are no others."""

    required: str
    all_words: str


async def find_terms(session: AsyncSession, query: ParsedQuery) -> list[Term]:
    """Split the tokens into words, in PostgreSQL so that they agree with the index."""
    rows = await session.execute(_SPLIT, {"tokens": [token.text for token in query.tokens]})
    split = {number: list(map(Word, words, stems)) for number, words, stems in rows}
    return [Term(token, split[number]) for number, token in enumerate(query.tokens, 1) if number in split]


def build_tsquery(terms: Sequence[Term]) -> TsQuery:
    """Build the query. It is empty if no token has a word."""
    if all(term.is_function_word for term in terms):
        # "to be or not to be" is a sentence.
        groups = [list(terms)]
    else:
        runs = groupby(terms, key=lambda term: term.token.is_or)
        groups = [list(run) for is_or, run in runs if not is_or]
    return TsQuery(
        required=_join(groups, _remove_function_words), all_words=_join(groups, lambda group: group)
    )


def _join(groups: Iterable[list[Term]], choose: Callable[[list[Term]], list[Term]]) -> str:
    return " | ".join(" & ".join(map(_to_tsquery, choose(group))) for group in groups)


def _remove_function_words(group: list[Term]) -> list[Term]:
    """Remove function words, unless the group has no other words."""
    others = [term for term in group if not term.is_function_word]
    return others if any(not term.token.is_excluded for term in others) else group


def _to_tsquery(term: Term) -> str:
    token, words = term
    forms = [word.as_written if token.is_phrase else word.in_any_form for word in words]
    if token.is_prefix:
        forms[-1] = f"'{words[-1].text_as_written}':*"
    conditions = [" <-> ".join(forms)]
    if token.is_phrase and len(words) > 1:
        pairs = [
            f"' {word.text_as_written} {following.text_as_written}'" for word, following in pairwise(words)
        ]
        # For two words, their pair is sufficient.
        conditions = pairs if len(words) == 2 else [*conditions, *pairs]
    conjunction = " & ".join(conditions)
    return f"!({conjunction})" if token.is_excluded else f"({conjunction})"
