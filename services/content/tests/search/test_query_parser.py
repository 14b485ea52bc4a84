from contextlib import suppress

import pytest
from content.search.query_parser import ParsedQuery, Token, parse_query
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import Invalid

PASS, TRAIN = Token(text="pass", is_prefix=True), Token(text="train")


@pytest.mark.parametrize(
    ("search", "tokens", "last_word_is_incomplete"),
    [
        ("train", [TRAIN], True),
        ("it", [Token(text="it")], False),
        ("it's", [Token(text="it's")], False),
        ("pass* train", [PASS, TRAIN], True),
        ("train pass*", [TRAIN, PASS], False),
        ("e-mai*", [Token(text="e-mai", is_prefix=True)], False),
        ('"the next train"', [Token(text="the next train", is_phrase=True)], False),
        ('late "next train', [Token(text="late"), Token(text="next train", is_phrase=True)], False),
        ('"a b*" it', [Token(text="a b*", is_phrase=True), Token(text="it")], False),
        ("train -bus", [TRAIN, Token(text="bus", is_excluded=True)], False),
        ("-bus*", [Token(text="bus*", is_excluded=True)], False),
        ('-"a bus"', [Token(text="a bus", is_phrase=True, is_excluded=True)], False),
        ("* :*", [Token(text="*"), Token(text=":*")], False),
        ("", [], False),
    ],
)
def test_a_search_is_parsed(search: str, tokens: list[Token], last_word_is_incomplete: bool) -> None:
    assert parse_query(search) == ParsedQuery(tuple(tokens), last_word_is_incomplete)


def test_or_is_an_operator_only_as_a_separate_word() -> None:
    tokens = parse_query('train OR or -or "or" or* orb').tokens
    assert [token.is_or for token in tokens] == [False, True, True, False, False, False, False]


def test_a_prefix_needs_two_letters() -> None:
    with pytest.raises(Invalid, match="at least 2 letters"):
        parse_query("train t*")


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(search: str) -> None:
    with suppress(Invalid):
        parse_query(search)


def test_the_last_word_may_be_a_prefix() -> None:
    parsed = parse_query("next pass").mark_last_word_as_prefix()
    assert parsed == ParsedQuery((Token(text="next"), PASS), last_word_is_prefix=True)
    assert parsed.has_prefixes


@pytest.mark.parametrize("search", ["train" + " -b" * 21, "a -b " * 21, '-"b"' * 21])
def test_exclusions_are_limited(search: str) -> None:
    with pytest.raises(Invalid, match="at most 20 exclusions"):
        parse_query(search)


def test_hyphens_within_words_are_not_exclusions() -> None:
    assert not any(token.is_excluded for token in parse_query("well-known - -- " * 12).tokens)


def test_searches_at_the_limits_are_accepted() -> None:
    assert len(parse_query("ab* cd* ef* gh* ij* ab*").tokens) == 6
    assert len(parse_query("train" + " -bus" * 20).tokens) == 21


def test_prefixes_are_limited() -> None:
    with pytest.raises(Invalid, match="at most 5 prefixes"):
        parse_query("ab* cd* ef* gh* ij* kl*")
