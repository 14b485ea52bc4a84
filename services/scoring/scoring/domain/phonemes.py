# Not in `domain.scores`: workers import that module, and the contracts would cost each of them 10 MB.

from collections.abc import Iterable

from contracts.receipt import MAX_PHONEMES, MAX_SYMBOL_LENGTH, PhonemeScores

from scoring.domain.scores import MIN_SPOKEN_SCORE, WordScore


def sum_phonemes(words: Iterable[WordScore]) -> list[PhonemeScores]:
    """Return each symbol with the number and the sum of its scores, except in omitted and replaced words.

    The phonemes of a replaced word have low scores, even if the learner can pronounce them well.
    """
    sums: dict[str, tuple[int, float]] = {}
    spoken = (word for word in words if word.score is not None and word.score >= MIN_SPOKEN_SCORE)
    for phoneme in (phoneme for word in spoken for phoneme in word.phonemes):
        symbol = phoneme.symbol[:MAX_SYMBOL_LENGTH]
        count, total = sums.get(symbol, (0, 0.0))
        sums[symbol] = (count + 1, total + phoneme.score)
    return [(symbol, count, round(total, 1)) for symbol, (count, total) in sorted(sums.items()) if symbol][
        :MAX_PHONEMES
    ]
