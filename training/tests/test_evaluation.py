"""The table of `make eval-scorer`, compared with direct computations of its formulas."""

from dataclasses import fields
from itertools import product

import numpy as np
import pytest
from scoring.providers.offline.aligner import Segments
from scoring.providers.offline.observation import Observation, RawScores

from training.evaluation import (
    correlate,
    format_table,
    measure_auc,
    measure_interval,
    pair_scores,
    select_genuine,
)
from training.examples import Example, Prediction, Targets

RANDOM = np.random.default_rng(0)


def make_example(speaker: str, age: int = 20, kind: str = "genuine", phonemes: int = 6) -> Example:
    targets = Targets(
        RANDOM.uniform(0, 2, phonemes).astype(np.float32),
        RANDOM.uniform(4, 10, 3).astype(np.float32),
        RANDOM.uniform(4, 10, 5).astype(np.float32),
    )
    empty = np.zeros(0, np.float32)
    unused = Observation(Segments(*[np.zeros(0, np.int64)] * len(fields(Segments))), empty, empty)
    return Example(speaker, age, kind, targets, unused, unused)


def make_scores(example: Example, noise: float) -> RawScores:
    targets = example.targets
    phonemes, words, overall = (
        values + RANDOM.normal(0, noise, len(values)).astype(np.float32)
        for values in (targets.phonemes, targets.words, targets.overall[:4])
    )
    return RawScores(phonemes, words, overall)


def make_prediction(example: Example) -> Prediction:
    return make_scores(example, 0.3), make_scores(example, 0.3)


def test_a_correlation_is_over_all_pairs_of_all_readings() -> None:
    pairs = [RANDOM.normal(size=(count, 2)) for count in (1, 4, 7)]
    assert correlate(pairs) == pytest.approx(np.corrcoef(*np.concatenate(pairs).T)[0][1])


def test_an_interval_is_over_speakers_not_readings() -> None:
    """Ten copies of a reading by the same speaker do not make the figure more certain."""
    readings = [RANDOM.normal(size=(5, 2)) for _ in range(12)]
    speakers = [f"speaker {number}" for number in range(12)]
    assert measure_interval(readings * 10, speakers * 10) == pytest.approx(
        measure_interval(readings, speakers)
    )
    low, high = measure_interval(readings, speakers)
    assert low < correlate(readings) < high


def test_the_auc_counts_pairs_of_a_bad_and_a_good_word() -> None:
    scores = RANDOM.permutation(20).astype(np.float32)
    bad = np.arange(20) < 7
    lower = [one < other for one, other in product(scores[bad], scores[~bad])]
    assert measure_auc(scores, bad) == pytest.approx(np.mean(lower))


def test_phonemes_are_compared_for_the_raters_pronunciation_and_words_for_the_dictionarys() -> None:
    example = make_example("a")
    rated, spoken = make_prediction(example)
    phonemes, words, accuracy, *_ = pair_scores([example], [(rated, spoken)])
    assert phonemes.pairs[0][:, 0] == pytest.approx(rated.phonemes)
    assert words.pairs[0][:, 0] == pytest.approx(spoken.words)
    assert accuracy.pairs[0].tolist() == [[spoken.overall[0], example.targets.overall[0]]]


def test_phonemes_without_a_score_are_left_out() -> None:
    example = make_example("a")
    example.targets.phonemes[:4] = np.nan
    phonemes, *_ = pair_scores([example], [make_prediction(example)])
    assert phonemes.pairs[0].shape == (2, 2)


def test_only_genuine_readings_are_evaluated() -> None:
    examples = [make_example("a"), make_example("a", kind="degraded"), make_example("b")]
    genuine, predictions = select_genuine(examples, [make_prediction(example) for example in examples])
    assert [example.speaker for example in genuine] == ["a", "b"]
    assert len(predictions) == 2


@pytest.mark.parametrize("ages", [(20, 9), (20, 20)])
def test_the_table_has_a_row_for_each_score(ages: tuple[int, int]) -> None:
    examples = [make_example(f"speaker {number}", ages[number % 2]) for number in range(8)]
    for example in examples:
        example.targets.words[0], example.targets.words[1] = 2.0, 9.0
        example.targets.phonemes[0] = 0.0
    predictions = [make_prediction(example) for example in examples]
    table = format_table(examples, predictions).splitlines()
    assert table[0] == "8 readings of 8 speakers"
    names = [line.split()[0] for line in table[2:8]]
    assert names == ["phone", "word", "accuracy", "fluency", "prosody", "total"]
    assert all(float(line.split()[1]) > 0.5 for line in table[2:8])
    assert ("nan" in table[2]) is (9 not in ages)
