import pytest
from content.search.query_parser import Terms, terms_of
from hypothesis import given
from hypothesis import strategies as st
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("search", "terms"),
    [
        ("trains to paris", Terms("trains to paris", (), "trains to", "paris")),
        ("train", Terms("train", (), "", "train")),
        ("pass* train", Terms("train", ("pass",), "", "train")),
        ("train pass*", Terms("train", ("pass",))),
        ("e-mai*", Terms("", ("e", "mai"))),
        ('"the next train"', Terms('"the next train"')),
        ('late "next train', Terms('late "next train')),
        ('"a b*" c', Terms('"a b*" c')),
        ("train -bus", Terms("train -bus")),
        ("train -bus*", Terms("train -bus*")),
        ("it", Terms("it")),
        ("it's", Terms("it's")),
        ("* ** :*", Terms("")),
        ("pass* pass* pas*", Terms("", ("pass", "pas"))),
        ("", Terms("")),
    ],
)
def test_what_a_search_means(search: str, terms: Terms) -> None:
    assert terms_of(search) == terms


def test_the_beginning_of_a_word_has_two_letters() -> None:
    with pytest.raises(Invalid, match="at least 2 letters"):
        terms_of("train t*")


@given(st.text(max_size=200))
def test_beginnings_hold_no_signs(search: str) -> None:
    try:
        terms = terms_of(search)
    except Invalid:
        return
    for beginning in (*terms.beginnings, terms.unfinished or "x"):
        assert beginning.isalnum() or not beginning.isascii()
        assert not set(beginning) & set("'\\&|!<>():* ")


def test_the_last_word_may_be_a_beginning() -> None:
    assert terms_of("pass* next tra").typed() == Terms("next", ("pass", "tra"), is_typed=True)


@pytest.mark.parametrize(
    "search", ["-" * 21, "- " * 21, "train" + " -" * 21, "-_" * 21, "-! " * 21, "a -b " * 21]
)
def test_exclusions_are_limited(search: str) -> None:
    with pytest.raises(Invalid, match="at most 20 exclusions"):
        terms_of(search)


def test_hyphens_in_words_exclude_nothing() -> None:
    assert terms_of("well-known " * 30).text == ("well-known " * 30).strip()


def test_as_many_as_the_limits_allow_are_taken() -> None:
    assert terms_of("ab* cd* ef* gh* ij*").beginnings == ("ab", "cd", "ef", "gh", "ij")
    assert terms_of("train" + " -bus" * 20).text == "train" + " -bus" * 20


def test_beginnings_are_limited() -> None:
    with pytest.raises(Invalid, match="at most 5 beginnings"):
        terms_of("ab* cd* ef* gh* ij* kl*")
