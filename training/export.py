"""Turns the trained models into arrays, in half precision where it suffices."""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from scoring.providers.offline.score_map import ScoreMaps
from scoring.providers.offline.score_models import OVERALL, ScoreModels, TreeChain
from scoring.providers.offline.trees import Trees

from training.arrays import Arrays
from training.dataset import Dataset

type Named = Iterator[tuple[str, NDArray[np.generic]]]


def to_arrays(dataset: Dataset, models: ScoreModels, maps: ScoreMaps) -> Arrays:
    """Return the arrays that `weights.from_arrays` reads."""
    return dict(_list_arrays(dataset, models, maps))


def _list_arrays(dataset: Dataset, models: ScoreModels, maps: ScoreMaps) -> Named:
    yield "aligner/log_priors", dataset.heads.log_priors
    yield "aligner/durations", dataset.durations
    for number, head in enumerate(dataset.heads.heads):
        yield from _halve(f"heads/{number}", asdict(head))
    yield from _halve("voices", asdict(dataset.voices))
    for number, transformer in enumerate(models.transformers):
        yield from _halve(f"transformers/{number}", dict(transformer.weights))
    yield from _list_chain(models.trees)
    for name, score_map in maps.items():
        yield from ((f"maps/{name}/{part}", array) for part, array in asdict(score_map).items())


def _halve(folder: str, arrays: dict[str, NDArray[np.generic]]) -> Named:
    yield from ((f"{folder}/{name}", array.astype(np.float16)) for name, array in arrays.items())


def _list_chain(chain: TreeChain) -> Named:
    yield "trees/typical", chain.typical
    arrays = {
        "phonemes": chain.phonemes,
        "words": chain.words,
        **dict(zip(OVERALL, chain.overall, strict=True)),
    }
    for name, trees in arrays.items():
        yield from _list_trees(f"trees/{name}", trees)
    for name, linear in zip(OVERALL, chain.linear, strict=True):
        yield f"trees/linear/{name}/coefficients", linear.coefficients
        yield f"trees/linear/{name}/intercept", linear.intercept


def _list_trees(folder: str, trees: Trees) -> Named:
    """Store children as distances from their parents, which are small."""
    indices = np.arange(len(trees.lefts))
    small = {
        "lefts": (trees.lefts - indices).astype(np.int16),
        "rights": (trees.rights - indices).astype(np.int16),
        "values": trees.values.astype(np.float16),
    }
    yield from ((f"{folder}/{name}", array) for name, array in (asdict(trees) | small).items())
