"""Trains all score models, on all examples or for cross-validation by speaker."""

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scoring.providers.offline.score_models import ScoreModels

from training.corpus import split_speakers
from training.examples import Example, Prediction
from training.score_transformer import SHAPES, train_transformer
from training.score_trees import train_trees

FOLDS, FOLD_SEED = 3, 7


def train_models(examples: Sequence[Example]) -> ScoreModels:
    transformers = tuple(train_transformer(examples, shape) for shape in SHAPES)
    return ScoreModels(transformers, train_trees(examples))


def predict(models: ScoreModels, examples: Sequence[Example]) -> list[Prediction]:
    return [(models.score(example.rated), models.score(example.spoken)) for example in examples]


def cross_validate(examples: Sequence[Example], processes: Executor) -> list[Prediction]:
    """Predict each example with models that were not trained on its speaker."""
    parts = split_speakers([example.speaker for example in examples], FOLDS, seed=FOLD_SEED)
    order = np.argsort(parts, kind="stable")
    predictions_by_part = chain.from_iterable(
        processes.map(partial(_predict_part, examples, parts), range(FOLDS))
    )
    predictions = dict(zip(map(int, order), predictions_by_part, strict=True))
    return [predictions[index] for index in range(len(examples))]


def _predict_part(examples: Sequence[Example], parts: NDArray[np.int64], part: int) -> list[Prediction]:
    models = train_models(
        [example for example, example_part in zip(examples, parts, strict=True) if example_part != part]
    )
    return predict(
        models,
        [example for example, example_part in zip(examples, parts, strict=True) if example_part == part],
    )
