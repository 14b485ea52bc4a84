from scoring.domain.phonemes import sum_phonemes
from scoring.domain.scores import MIN_SPOKEN_SCORE, PhonemeScore, WordScore


def make_word(*phonemes: tuple[str, float], score: float = 80.0) -> WordScore:
    scored = tuple(PhonemeScore(symbol, score, 0, 80) for symbol, score in phonemes)
    return WordScore("any", score, "none", phonemes=scored)


def test_phonemes_are_summed_by_symbol() -> None:
    words = [
        make_word(("TH", 40.5), ("AH", 90.0)),
        WordScore("left", None, "omission"),
        make_word(("TH", 60.0)),
    ]
    assert sum_phonemes(words) == [("AH", 1, 90.0), ("TH", 2, 100.5)]
    assert sum_phonemes([]) == []


def test_phonemes_of_a_replaced_word_are_omitted() -> None:
    barely_spoken = make_word(("S", 40.0), score=MIN_SPOKEN_SCORE)
    replaced = make_word(("TH", 5.0), ("S", 3.0), score=MIN_SPOKEN_SCORE - 0.1)
    assert sum_phonemes([replaced, barely_spoken]) == [("S", 1, 40.0)]
