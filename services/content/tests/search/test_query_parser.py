import pytest
from content.search.query_parser import ParsedQuery, parse_query
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("search", "terms"),
    [
        ("trains to paris", ParsedQuery("trains to paris", (), "trains to", "paris")),
        ("train", ParsedQuery("train", (), "", "train")),
        ("pass* train", ParsedQuery("train", ("pass",), "", "train")),
        ("train pass*", ParsedQuery("train", ("pass",))),
        ("e-mai*", ParsedQuery("", ("e", "mai"))),
        ('"the next train"', ParsedQuery('"the next train"')),
        ('late "next train', ParsedQuery('late "next train')),
        ('"a b*" c', ParsedQuery('"a b*" c')),
        ("train -bus", ParsedQuery("train -bus")),
        ("train -bus*", ParsedQuery("train -bus*")),
        ("it", ParsedQuery("it")),
        ("it's", ParsedQuery("it's")),
        ("* ** :*", ParsedQuery("")),
        ("pass* pass* pas*", ParsedQuery("", ("pass", "pas"))),
        ("", ParsedQuery("")),
    ],
)
def test_a_search_is_parsed(search: str, terms: ParsedQuery) -> None:
    assert parse_query(search) == terms


def test_a_prefix_has_two_letters() -> None:
    with pytest.raises(Invalid, match="at least 2 letters"):
        parse_query("train t*")


@given(st.text(max_size=200))
def test_prefixes_hold_no_signs(search: str) -> None:
    try:
        terms = parse_query(search)
    except Invalid:
        return
    for beginning in (*terms.prefixes, terms.last_word or "x"):
        assert beginning.isalnum() or not beginning.isascii()
        assert not set(beginning) & set("'\\&|!<>():* ")


def test_the_last_word_may_be_a_prefix() -> None:
    assert parse_query("pass* next tra").with_last_word_as_prefix() == ParsedQuery(
        "next", ("pass", "tra"), last_word_is_prefix=True
    )


@pytest.mark.parametrize(
    "search", ["-" * 21, "- " * 21, "train" + " -" * 21, "-_" * 21, "-! " * 21, "a -b " * 21]
)
def test_exclusions_are_limited(search: str) -> None:
    with pytest.raises(Invalid, match="at most 20 exclusions"):
        parse_query(search)


def test_hyphens_in_words_exclude_nothing() -> None:
    assert parse_query("well-known " * 30).text == ("well-known " * 30).strip()


def test_searches_at_the_limits_are_accepted() -> None:
    assert parse_query("ab* cd* ef* gh* ij*").prefixes == ("ab", "cd", "ef", "gh", "ij")
    assert parse_query("train" + " -bus" * 20).text == "train" + " -bus" * 20


def test_prefixes_are_limited() -> None:
    with pytest.raises(Invalid, match="at most 5 prefixes"):
        parse_query("ab* cd* ef* gh* ij* kl*")
