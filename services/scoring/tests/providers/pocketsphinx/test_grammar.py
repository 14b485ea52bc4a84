from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.providers.pocketsphinx.grammar import ANY_SOUND, OMISSION_PENALTY, align_words, build_grammar


def paths(words: list[str], **unknown: bool) -> dict[tuple[str, ...], float]:
    """What the graph of a text accepts, with the best probability of each; loops are left out."""
    known = {word: not unknown.get(word, False) for word in words}
    graph = [arc for arc in build_grammar(words, known) if arc[0] < arc[1]]
    found: dict[tuple[str, ...], float] = {}

    def follow(state: int, said: tuple[str, ...], probability: float) -> None:
        if state == len(words):
            found[said] = max(probability, found.get(said, 0))
        for source, target, weight, word in graph:
            if source == state:
                follow(target, (*said, word), probability * weight)

    follow(0, (), 1.0)
    return found


def test_the_text_as_it_is_costs_nothing() -> None:
    assert paths(["a", "b", "c"])[("a", "b", "c")] == 1


def test_each_word_left_out_has_its_price() -> None:
    found = paths(["a", "b", "c", "d", "e"])
    assert found[("a", "c", "d", "e")] == pytest.approx(OMISSION_PENALTY)
    assert found[("a", "d", "e")] == pytest.approx(OMISSION_PENALTY**2)
    assert found[("e",)] == pytest.approx(OMISSION_PENALTY**4)
    assert found[("a",)] == pytest.approx(OMISSION_PENALTY**4)


def test_nothing_is_said_out_of_order_or_not_at_all() -> None:
    words = ["a", "b", "c", "d"]
    allowed = {some for count in range(1, 5) for some in combinations(words, count)}
    assert set(paths(words)) <= allowed


def test_any_sound_stands_for_an_unknown_word() -> None:
    found = paths(["a", "x", "b"], x=True)
    assert {said[1] for said in found if len(said) == 3} == set(ANY_SOUND)


def test_heard_words_are_found_in_the_text() -> None:
    assert align_words(["a", "b", "c"], ["a", "b", "c"]) == [0, 1, 2]
    assert align_words(["a", "b", "c"], ["b"]) == [1]
    assert align_words(["a", "b", "c"], []) == []


def test_of_several_places_those_count_that_belong_together() -> None:
    text = [
        "before",
        "the",
        "evening",
        "the",
        "train",
        "leaves",
        "in",
        "the",
        "morning",
        "at",
        "the",
        "latest",
    ]
    spoken = ["the", "train", "leaves", "in", "the", "morning"]
    assert align_words(text, spoken) == [3, 4, 5, 6, 7, 8]
    assert align_words(text, ["the", "latest"]) == [10, 11]


@given(st.data())
def test_places_are_in_order_and_hold_the_words(data: st.DataObject) -> None:
    text = data.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=9))
    kept = sorted(data.draw(st.sets(st.integers(0, len(text) - 1))))
    spoken = [text[at] for at in kept]
    found = align_words(text, spoken)
    assert [text[at] for at in found] == spoken
    assert found == sorted(set(found))
    assert torn(found) == min(
        torn(other)
        for other in combinations(range(len(text)), len(kept))
        if [text[at] for at in other] == spoken
    )


def torn(align_words: "list[int] | tuple[int, ...]") -> int:
    return sum(after - before > 1 for before, after in pairwise(align_words))
