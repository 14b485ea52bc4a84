from datetime import UTC, datetime, timedelta

from game.domain.practice import (
    MAX_WEAKEST_PHONEMES,
    MIN_PHONEME_SCORES,
    PhonemeTotals,
    rank_weakest_phonemes,
)
from hypothesis import example, given
from hypothesis import strategies as st

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def make(symbol: str, scores: int, average: float, *, scorer: str = "new-2", ago: int = 0) -> PhonemeTotals:
    return PhonemeTotals(symbol, scorer, scores, scores * average, NOON - timedelta(days=ago))


def list_weakest(*phonemes: PhonemeTotals) -> list[tuple[str, str]]:
    return [(phoneme.scorer, phoneme.symbol) for phoneme in rank_weakest_phonemes(phonemes)]


def list_symbols(*phonemes: PhonemeTotals) -> list[str]:
    return [symbol for _, symbol in list_weakest(*phonemes)]


def test_phonemes_below_the_learners_average_are_weak() -> None:
    assert list_symbols(make("AA", 50, 90.0), make("TH", 50, 40.0), make("S", 50, 60.0)) == ["TH", "S"]
    assert list_symbols(make("AA", 50, 90.0), make("TH", 50, 90.0)) == []
    assert list_symbols() == []


def test_many_low_scores_weigh_more_than_a_few_lower_ones() -> None:
    assert list_symbols(make("AA", 200, 90.0), make("ZH", 5, 50.0), make("TH", 60, 55.0)) == ["TH", "ZH"]


def test_phonemes_with_few_scores_are_omitted() -> None:
    few = make("TH", MIN_PHONEME_SCORES - 1, 10.0)
    assert list_symbols(make("AA", 50, 90.0), few) == []
    assert list_symbols(make("AA", 50, 90.0), few, make("TH2", MIN_PHONEME_SCORES, 10.0)) == ["TH2"]


def test_the_latest_scorer_with_enough_scores_is_shown() -> None:
    earlier = [make("TH", 80, 40.0, scorer="old-1", ago=9), make("AA", 80, 90.0, scorer="old-1", ago=9)]
    later = [make("θ", 30, 50.0), make("a", 30, 90.0)]
    assert list_weakest(*earlier, *later) == [("new-2", "θ")]
    too_few = [make("θ", 2, 50.0), make("a", 2, 90.0)]
    assert list_weakest(*earlier, *too_few) == [("old-1", "TH")]


@example([(99, 100.0), *[(50, 10.0)] * (MAX_WEAKEST_PHONEMES + 1)])
@given(st.lists(st.tuples(st.integers(1, 99), st.floats(0, 100)), max_size=60))
def test_the_list_is_bounded_and_has_only_eligible_phonemes(figures: list[tuple[int, float]]) -> None:
    phonemes = [make(f"P{number:02}", *scores) for number, scores in enumerate(figures)]
    weakest = rank_weakest_phonemes(phonemes)
    assert len(weakest) <= MAX_WEAKEST_PHONEMES
    assert set(weakest) <= {phoneme for phoneme in phonemes if phoneme.scores >= MIN_PHONEME_SCORES}
    assert weakest == rank_weakest_phonemes(reversed(phonemes))
