import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.providers.pocketsphinx import gop as domain
from scoring.providers.pocketsphinx.gop import AlignedPhoneme, AlignedWord, points

GOOD, BAD = -3.5, -12.0


def word(text: str, gop: float, *, start: int = 0, frames: int = 10, sounds: int = 2) -> AlignedWord:
    """A word of as many phonemes of equal length."""
    phonemes = (AlignedPhoneme("AH", start + at * frames, frames, gop) for at in range(sounds))
    return AlignedWord(text, phonemes=tuple(phonemes))


def sentence(*gops: float, pause: int = 0) -> list[AlignedWord]:
    return [word(f"w{at}", gop, start=at * (20 + pause)) for at, gop in enumerate(gops)]


def test_the_curve_separates_what_it_was_set_for() -> None:
    assert points(domain.MIDPOINT) == pytest.approx(50)
    assert points(GOOD) > 90
    assert points(BAD) < 5


@given(st.floats(-1e6, 0), st.floats(-1e6, 0))
def test_a_better_fit_never_scores_less(one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert 0 <= points(worse) <= points(better) <= 100


def test_a_word_is_where_its_phonemes_are() -> None:
    scored = domain.score_word(word("hello", GOOD, start=12, frames=7, sounds=3))
    assert (scored.offset_ms, scored.duration_ms) == (120, 210)
    assert [(p.offset_ms, p.duration_ms) for p in scored.phonemes] == [(120, 70), (190, 70), (260, 70)]


@pytest.mark.parametrize(
    ("aligned", "error", "has_score"),
    [
        (word("said", GOOD), "none", True),
        (word("botched", BAD), "mispronunciation", True),
        (AlignedWord("dropped"), "omission", False),
        (AlignedWord("mystery", pronounceable=False), "none", False),
        (AlignedWord("mystery", False, word("", BAD).phonemes), "none", False),
    ],
)
def test_what_became_of_a_word(aligned: AlignedWord, error: str, has_score: bool) -> None:
    scored = domain.score_word(aligned)
    assert scored.error_type == error
    assert (scored.score is not None) == has_score


def test_a_left_out_word_lowers_completeness_and_not_accuracy() -> None:
    whole = sentence(GOOD, GOOD, GOOD, GOOD)
    part = [*whole[:3], AlignedWord("dropped")]
    assert domain.completeness(whole) == 100
    assert domain.completeness(part) == 75
    assert domain.accuracy(part) == pytest.approx(points(GOOD))


def test_words_that_nobody_can_pronounce_count_for_nothing() -> None:
    mystery = AlignedWord("mystery", False, word("", BAD, start=40).phonemes)
    assert domain.completeness([*sentence(GOOD, GOOD), mystery]) == 100
    assert domain.accuracy([*sentence(GOOD, GOOD), mystery]) == pytest.approx(points(GOOD))


def test_without_a_scored_word_there_is_no_accuracy() -> None:
    assert domain.accuracy([AlignedWord("dropped")]) is None


def test_pauses_cost_fluency() -> None:
    fluent, halting = (
        domain.fluency(sentence(GOOD, GOOD, GOOD)),
        domain.fluency(sentence(GOOD, GOOD, GOOD, pause=60)),
    )
    assert fluent is not None
    assert halting is not None
    assert fluent > halting + 20


def test_an_unpronounceable_word_is_no_pause() -> None:
    words = sentence(GOOD, GOOD, GOOD)
    unknown = AlignedWord(words[1].word, False, words[1].phonemes)
    with_it, without = domain.fluency([words[0], unknown, words[2]]), domain.fluency([words[0], words[2]])
    assert with_it is not None
    assert without is not None
    assert with_it > without + 15


def test_one_word_is_not_enough_for_fluency() -> None:
    assert domain.fluency([word("hello", GOOD), word("there", BAD, start=20)]) is None


def test_the_whole_is_no_better_than_what_was_said_of_the_text() -> None:
    assert domain.pronunciation(90, 80, 100) == pytest.approx(87)
    assert domain.pronunciation(90, 80, 50) == pytest.approx(43.5)
    assert domain.pronunciation(90, None, 100) == 90
    assert domain.pronunciation(90, 80, 0) == 0


@given(st.lists(st.floats(-200, 0), min_size=1, max_size=30), st.integers(0, 500))
def test_scores_stay_between_0_and_100(gops: list[float], pause: int) -> None:
    words = sentence(*gops, pause=pause)
    accuracy, completeness = domain.accuracy(words), domain.completeness(words)
    assert accuracy is not None
    overall = domain.pronunciation(accuracy, domain.fluency(words), completeness)
    for score in (accuracy, completeness, overall):
        assert math.isfinite(score)
        assert 0 <= score <= 100
