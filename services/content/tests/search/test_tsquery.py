import pytest
from content.search.query_parser import parse_query
from content.search.tsquery import Term, TsQuery, Word, build_tsquery

STEMS = {"looking": "look", "dogs": "dog", "dog": "dog", "e": "e", "mail": "mail", "s": ""}


def split_terms(search: str) -> list[Term]:
    """Split a search as PostgreSQL does; words that are not in STEMS are function words."""
    split = [(token, token.text.replace("-", " ").split()) for token in parse_query(search).tokens]
    return [Term(token, [Word(word, STEMS.get(word, "")) for word in words]) for token, words in split]


@pytest.mark.parametrize(
    ("search", "required", "all_words"),
    [
        ("looking", "('look')", "('look')"),
        ("the", "('the':A)", "('the':A)"),
        ("the dogs", "('dog')", "('the':A) & ('dog')"),
        ('"looking for"', "(' looking for')", None),
        ('"a b c"', "('a':A <-> 'b':A <-> 'c':A & ' a b' & ' b c')", None),
        ('-"the"', "!('the':A)", None),
        ("e-mail", "('e' <-> 'mail')", "('e' <-> 'mail')"),
        ("e-mail*", "('e' <-> 'mail':*)", "('e' <-> 'mail':*)"),
        ("the* dog", "('the':*) & ('dog')", "('the':*) & ('dog')"),
        ("the -dog", "('the':A) & !('dog')", "('the':A) & !('dog')"),
        ("dog or the mail", "('dog') | ('mail')", "('dog') | ('the':A) & ('mail')"),
        ("to be or not", "('to':A) & ('be':A) & ('or':A) & ('not':A)", None),
        ("or dog or or mail or", "('dog') | ('mail')", "('dog') | ('mail')"),
        ("or", "('or':A)", "('or':A)"),
        ("", "", ""),
    ],
)
def test_a_search_is_translated_to_a_tsquery(search: str, required: str, all_words: str | None) -> None:
    assert build_tsquery(split_terms(search)) == TsQuery(required, all_words or required)
