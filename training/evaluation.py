"""Compares scores with those of the raters: Pearson correlations, with intervals from a bootstrap over
speakers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.score_models import OVERALL

from training.examples import Example, Prediction

RESAMPLES, SEED = 1000, 0
INTERVAL = (2.5, 97.5)
FIRST_ADULT_AGE = 13
BAD_WORD, BAD_PHONEME = 6.0, 1.0
FLAG_BELOW = 7.0
HEADER = f"{'score':10}{'r':>7}  {'95 %':11}{'13+':>9}{'<13':>9}{'error':>8}"

type Pairs = NDArray[np.float64]
"""(count, 2): predicted, human."""


@dataclass(frozen=True)
class ScorePairs:
    """Predicted and human scores of one kind, by utterance."""

    name: str
    pairs: list[Pairs]


def select_genuine(
    examples: Sequence[Example], predictions: Sequence[Prediction]
) -> tuple[list[Example], list[Prediction]]:
    both = [pair for pair in zip(examples, predictions, strict=True) if pair[0].kind == "genuine"]
    return [example for example, _ in both], [prediction for _, prediction in both]


def pair_scores(examples: Sequence[Example], predictions: Sequence[Prediction]) -> list[ScorePairs]:
    """Pair predicted and human scores: phonemes for the rated pronunciations, others for the dictionary's."""
    both = list(zip(examples, predictions, strict=True))
    phonemes = [_pair(rated.phonemes, example.targets.phonemes) for example, (rated, _) in both]
    words = [_pair(spoken.words, example.targets.words) for example, (_, spoken) in both]
    overall = [
        ScorePairs(
            name,
            [
                _pair(spoken.overall[[index]], example.targets.overall[[index]])
                for example, (_, spoken) in both
            ],
        )
        for index, name in enumerate(OVERALL)
    ]
    return [ScorePairs("phone", phonemes), ScorePairs("word", words), *overall]


def _pair(predicted: Floats, human: Floats) -> Pairs:
    pairs = np.column_stack([predicted, human]).astype(np.float64)
    return pairs[~np.isnan(pairs[:, 1])]


def format_table(examples: Sequence[Example], predictions: Sequence[Prediction]) -> str:
    """Return the table of docs/scorer-model-card.md."""
    measured = pair_scores(examples, predictions)
    speakers = [example.speaker for example in examples]
    adults = np.array([example.age >= FIRST_ADULT_AGE for example in examples])
    lines = [f"{len(examples)} readings of {len(set(speakers))} speakers", HEADER]
    for scores in measured:
        low, high = measure_interval(scores.pairs, speakers)
        groups = [
            correlate(_select(scores.pairs, mask)) if mask.any() else np.nan for mask in (adults, ~adults)
        ]
        error = np.abs(np.diff(np.concatenate(scores.pairs), axis=1)).mean()
        lines.append(
            f"{scores.name:10}{correlate(scores.pairs):7.3f}  {low:.3f}-{high:.3f}"
            f"{groups[0]:9.3f}{groups[1]:9.3f}{error:8.2f}"
        )
    return "\n".join([*lines, *_describe_flags(measured)])


def _describe_flags(measured: Sequence[ScorePairs]) -> Iterator[str]:
    phonemes, words = (np.concatenate(scores.pairs) for scores in measured[:2])
    bad = words[:, 1] <= BAD_WORD
    flagged = words[:, 0] < FLAG_BELOW
    yield (
        f"words: AUC {measure_auc(words[:, 0], bad):.3f}; below {FLAG_BELOW:g} precision "
        f"{bad[flagged].mean():.2f}, recall {flagged[bad].mean():.2f}"
    )
    yield f"phonemes: AUC {measure_auc(phonemes[:, 0], phonemes[:, 1] < BAD_PHONEME):.3f}"


def measure_auc(scores: Floats, bad: NDArray[np.bool_]) -> float:
    """Return the share of pairs of a bad and a good item in which the bad one scores lower (AUC)."""
    order = np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    lowest = bad.sum() * (bad.sum() - 1) / 2
    return float(1 - (order[bad].sum() - lowest) / (bad.sum() * (~bad).sum()))


def correlate(pairs: Sequence[Pairs]) -> float:
    return _correlate_moments(_sum_moments(pairs).sum(axis=0))


def measure_interval(pairs: Sequence[Pairs], speakers: Sequence[str]) -> tuple[float, float]:
    """Return the bootstrap interval of the correlation, resampled by speaker."""
    names, owners = np.unique(speakers, return_inverse=True)
    moments = np.zeros((len(names), 6))
    np.add.at(moments, owners, _sum_moments(pairs))
    random = np.random.default_rng(SEED)
    samples = random.integers(0, len(names), (RESAMPLES, len(names)))
    correlations = [_correlate_moments(moments[sample].sum(axis=0)) for sample in samples]
    low, high = np.percentile(correlations, INTERVAL)
    return float(low), float(high)


def _sum_moments(pairs: Sequence[Pairs]) -> Pairs:
    """Return count, sums, squares and products of each utterance's pairs."""
    rows = [
        (len(scores), *scores.sum(axis=0), *(scores**2).sum(axis=0), scores.prod(axis=1).sum())
        for scores in pairs
    ]
    return np.array(rows, np.float64)


def _correlate_moments(moments: Floats) -> float:
    count, x, y, xx, yy, xy = moments
    return float((count * xy - x * y) / np.sqrt((count * xx - x * x) * (count * yy - y * y)))


def _select(pairs: Sequence[Pairs], mask: NDArray[np.bool_]) -> list[Pairs]:
    return [pair for pair, is_selected in zip(pairs, mask, strict=True) if is_selected]
