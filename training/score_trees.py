"""Trains the boosted trees: phonemes, then words, then readings. The input of a later stage is predicted by
trees of other speakers.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.score_models import OVERALL, LinearModel, TreeChain
from scoring.providers.offline.tree_rows import build_phoneme_rows, build_reading_row, build_word_rows
from scoring.providers.offline.trees import Trees
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from training.corpus import split_speakers
from training.examples import Example

PARTS, SPLIT_SEED = 3, 7
PENALTIES = np.logspace(0, 4, 12)
SMALL = {"learning_rate": 0.06, "max_leaf_nodes": 24, "min_samples_leaf": 40, "l2_regularization": 1.0}
PHONEME_TREES = SMALL | {"max_iter": 220}
WORD_TREES = SMALL | {"max_iter": 160}
READING_TREES = {
    "max_iter": 300,
    "learning_rate": 0.035,
    "max_leaf_nodes": 10,
    "min_samples_leaf": 20,
    "l2_regularization": 5.0,
}

type Parts = NDArray[np.int64]


def train_trees(examples: Sequence[Example]) -> TreeChain:
    parts = split_speakers([example.speaker for example in examples], PARTS, seed=SPLIT_SEED)
    weights = np.array([example.weight for example in examples])
    typical = _average_by_phoneme(examples)
    rows = [build_phoneme_rows(example.rated, typical) for example in examples]
    phonemes, phoneme_scores = _fit_stage(
        rows, [example.targets.phonemes for example in examples], weights, parts, PHONEME_TREES
    )
    observed = [(example.rated, scores) for example, scores in zip(examples, phoneme_scores, strict=True)]
    word_inputs = [build_word_rows(*inputs) for inputs in observed]
    words, word_scores = _fit_stage(
        word_inputs, [example.targets.words for example in examples], weights, parts, WORD_TREES
    )
    utterances = np.stack(
        [build_reading_row(*inputs, scores) for inputs, scores in zip(observed, word_scores, strict=True)]
    )
    targets = np.stack([example.targets.overall for example in examples])
    columns = range(len(OVERALL))
    overall = tuple(
        to_trees(_create_booster(READING_TREES).fit(utterances, targets[:, column])) for column in columns
    )
    linear = tuple(_fit_linear(utterances, targets[:, column]) for column in columns)
    return TreeChain(typical, phonemes, words, overall, linear)


def _average_by_phoneme(examples: Sequence[Example]) -> Floats:
    """Return the mean score (40,) of each phoneme in genuine readings."""
    genuine = [example for example in examples if example.kind == "genuine"]
    phonemes = np.concatenate(
        [example.rated.segments.phonemes[example.rated.segments.spoken] for example in genuine]
    )
    scores = np.concatenate([example.targets.phonemes for example in genuine])
    is_scored = ~np.isnan(scores)
    counts = np.bincount(phonemes[is_scored], minlength=len(SYMBOLS))
    sums = np.bincount(phonemes[is_scored], scores[is_scored], minlength=len(SYMBOLS))
    return ((sums + 20 * scores[is_scored].mean()) / (counts + 20)).astype(np.float32)


def _fit_stage(
    rows: Sequence[Floats],
    targets: Sequence[Floats],
    weights: Floats,
    parts: Parts,
    options: dict[str, float],
) -> tuple[Trees, list[Floats]]:
    """Return the trees of all examples, and each example's scores from trees of other speakers."""
    table, target_values = np.concatenate(rows), np.concatenate(targets)
    counts = [len(row) for row in rows]
    weight, part = np.repeat(weights, counts), np.repeat(parts, counts)
    is_scored = ~np.isnan(target_values)
    scores = np.zeros(len(table))
    for held_out in range(PARTS):
        used = is_scored & (part != held_out)
        model = _create_booster(options).fit(table[used], target_values[used], sample_weight=weight[used])
        scores[part == held_out] = model.predict(table[part == held_out])
    model = _create_booster(options).fit(
        table[is_scored], target_values[is_scored], sample_weight=weight[is_scored]
    )
    bounds = np.cumsum([0, *counts])
    return to_trees(model), [scores[start:end] for start, end in pairwise(bounds)]


def _create_booster(options: dict[str, float]) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(**options, max_features=0.3, random_state=0, early_stopping=False)


def _fit_linear(rows: Floats, targets: Floats) -> LinearModel:
    scaler = StandardScaler()
    ridge = RidgeCV(PENALTIES).fit(scaler.fit_transform(rows), targets)
    coefficients = ridge.coef_ / scaler.scale_
    intercept = np.float32(ridge.intercept_ - scaler.mean_ @ coefficients)
    return LinearModel(coefficients.astype(np.float32), np.asarray(intercept))


def to_trees(model: HistGradientBoostingRegressor) -> Trees:
    """Copy scikit-learn's nodes. Its predictors are private, so the lock pins its version."""
    tables = [stage[0].nodes for stage in model._predictors]
    nodes = np.concatenate(tables)
    first = np.repeat(np.cumsum([0, *map(len, tables)])[:-1], [*map(len, tables)])
    is_leaf = nodes["is_leaf"].astype(bool)
    indices = np.arange(len(nodes))
    return Trees(
        features=np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int16),
        thresholds=np.where(is_leaf, 0, nodes["num_threshold"]).astype(np.float32),
        lefts=np.where(is_leaf, indices, nodes["left"] + first).astype(np.int32),
        rights=np.where(is_leaf, indices, nodes["right"] + first).astype(np.int32),
        values=np.where(is_leaf, nodes["value"], 0).astype(np.float32),
        roots=np.cumsum([0, *map(len, tables)])[:-1].astype(np.int32),
        depth=np.asarray(max(stage[0].get_max_depth() for stage in model._predictors), np.int32),
        base=np.asarray(model._baseline_prediction.ravel()[0], np.float32),
    )
