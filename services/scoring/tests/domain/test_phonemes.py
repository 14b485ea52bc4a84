from scoring.domain.phonemes import sum_phonemes
from scoring.domain.scores import PhonemeScore, WordScore


def make_word(*phonemes: tuple[str, float]) -> WordScore:
    scored = tuple(PhonemeScore(symbol, score, 0, 80) for symbol, score in phonemes)
    return WordScore("any", 80.0, "none", phonemes=scored)


def test_phonemes_are_summed_by_symbol() -> None:
    words = [
        make_word(("TH", 40.5), ("AH", 90.0)),
        WordScore("left", None, "omission"),
        make_word(("TH", 60.0)),
    ]
    assert sum_phonemes(words) == [("AH", 1, 90.0), ("TH", 2, 100.5)]
    assert sum_phonemes([]) == []
