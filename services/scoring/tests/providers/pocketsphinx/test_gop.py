import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring.providers.pocketsphinx import gop
from scoring.providers.pocketsphinx.gop import AlignedPhoneme, AlignedWord, score_from_gop

GOOD, BAD = -3.5, -12.0


def word(text: str, gop: float, *, start: int = 0, frames: int = 10, sounds: int = 2) -> AlignedWord:
    """A word of as many phonemes of equal length."""
    phonemes = (AlignedPhoneme("AH", start + at * frames, frames, gop) for at in range(sounds))
    return AlignedWord(text, phonemes=tuple(phonemes))


def sentence(*gops: float, pause: int = 0) -> list[AlignedWord]:
    return [word(f"w{at}", gop, start=at * (20 + pause)) for at, gop in enumerate(gops)]


def test_the_curve_separates_what_it_was_set_for() -> None:
    assert score_from_gop(gop.MIDPOINT) == pytest.approx(50)
    assert score_from_gop(GOOD) > 90
    assert score_from_gop(BAD) < 5


@given(st.floats(-1e6, 0), st.floats(-1e6, 0))
def test_a_better_fit_never_scores_less(one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert 0 <= score_from_gop(worse) <= score_from_gop(better) <= 100


def test_a_word_is_where_its_phonemes_are() -> None:
    scored = gop.score_word(word("hello", GOOD, start=12, frames=7, sounds=3))
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
    scored = gop.score_word(aligned)
    assert scored.error_type == error
    assert (scored.score is not None) == has_score


def test_a_left_out_word_lowers_completeness_and_not_accuracy() -> None:
    whole = sentence(GOOD, GOOD, GOOD, GOOD)
    part = [*whole[:3], AlignedWord("dropped")]
    assert gop.compute_completeness(whole) == 100
    assert gop.compute_completeness(part) == 75
    assert gop.compute_accuracy(part) == pytest.approx(score_from_gop(GOOD))


def test_words_that_nobody_can_pronounce_count_for_nothing() -> None:
    mystery = AlignedWord("mystery", False, word("", BAD, start=40).phonemes)
    assert gop.compute_completeness([*sentence(GOOD, GOOD), mystery]) == 100
    assert gop.compute_accuracy([*sentence(GOOD, GOOD), mystery]) == pytest.approx(score_from_gop(GOOD))


def test_without_a_scored_word_there_is_no_accuracy() -> None:
    assert gop.compute_accuracy([AlignedWord("dropped")]) is None


def test_pauses_cost_fluency() -> None:
    fluent, halting = (
        gop.compute_fluency(sentence(GOOD, GOOD, GOOD)),
        gop.compute_fluency(sentence(GOOD, GOOD, GOOD, pause=60)),
    )
    assert fluent is not None
    assert halting is not None
    assert fluent > halting + 20


def test_an_unpronounceable_word_is_no_pause() -> None:
    words = sentence(GOOD, GOOD, GOOD)
    unknown = AlignedWord(words[1].word, False, words[1].phonemes)
    with_it, without = (
        gop.compute_fluency([words[0], unknown, words[2]]),
        gop.compute_fluency([words[0], words[2]]),
    )
    assert with_it is not None
    assert without is not None
    assert with_it > without + 15


def test_one_word_is_not_enough_for_fluency() -> None:
    assert gop.compute_fluency([word("hello", GOOD), word("there", BAD, start=20)]) is None


def test_the_whole_is_no_better_than_what_was_said_of_the_text() -> None:
    assert gop.compute_pronunciation(90, 80, 100) == pytest.approx(87)
    assert gop.compute_pronunciation(90, 80, 50) == pytest.approx(43.5)
    assert gop.compute_pronunciation(90, None, 100) == 90
    assert gop.compute_pronunciation(90, 80, 0) == 0


@given(st.lists(st.floats(-200, 0), min_size=1, max_size=30), st.integers(0, 500))
def test_scores_stay_between_0_and_100(gops: list[float], pause: int) -> None:
    words = sentence(*gops, pause=pause)
    accuracy, completeness = gop.compute_accuracy(words), gop.compute_completeness(words)
    assert accuracy is not None
    overall = gop.compute_pronunciation(accuracy, gop.compute_fluency(words), completeness)
    for score in (accuracy, completeness, overall):
        assert math.isfinite(score)
        assert 0 <= score <= 100
