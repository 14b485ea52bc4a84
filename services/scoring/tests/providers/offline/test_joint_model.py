import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.providers.offline.joint_model import END, FIRST_GRAPHONE, load_joint_model
from scoring.providers.offline.phonemes import SYMBOLS

LETTERS = "abcdefghijklmnopqrstuvwxyz'"


def pronounce(word: str) -> list[str]:
    result = load_joint_model().pronounce(word)
    return [" ".join(SYMBOLS[number] for number in sounds) for sounds in result]


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("hermione", "HH ER M IY OW N IY"),
        ("schadenfreude", "SH AE D AH N F R OY D"),
        ("tokyo", "T OW K Y OW"),
        ("spelt", "S P EH L T"),
        ("blorf", "B L AO R F"),
    ],
)
def test_the_dictionary_pronunciation_is_among_the_best(word: str, sounds: str) -> None:
    assert sounds in pronounce(word)


@given(st.text(LETTERS, min_size=2, max_size=40).filter(lambda word: any(map(str.isalpha, word))))
def test_any_word_has_up_to_three_distinct_pronunciations(word: str) -> None:
    result = pronounce(word)
    assert len(result) <= 3
    assert len(set(result)) == len(result)
    assert result
    assert result == pronounce(word)


def test_probabilities_add_up() -> None:
    model = load_joint_model()
    units = np.array([END, *range(FIRST_GRAPHONE, FIRST_GRAPHONE + len(model.graphones))])
    histories = np.array([0, FIRST_GRAPHONE + 3, (FIRST_GRAPHONE + 3) << 9 | (FIRST_GRAPHONE + 50)])
    sums = np.exp(model.score(histories, units)).sum(axis=1)
    # The logarithms are rounded to a sixteenth.
    assert sums == pytest.approx([1, 1, 1], abs=0.05)
