"""Writes what was trained as plain arrays, in half precision where that is enough."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scoring.providers import offline
from scoring.providers.offline.score_map import ScoreMaps
from scoring.providers.offline.score_models import OVERALL, ScoreModels, TreeChain
from scoring.providers.offline.trees import Trees

from training.dataset import Dataset

TARGET = Path(offline.__file__).parent / "data" / "scorer.npz"

type Named = Iterator[tuple[str, NDArray[np.generic]]]


def export(dataset: Dataset, models: ScoreModels, maps: ScoreMaps) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that `weights.from_arrays` reads."""
    return dict(_arrays(dataset, models, maps))


def write(arrays: dict[str, NDArray[np.generic]], target: Path = TARGET) -> None:
    with target.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type] # its stub names the options only


def _arrays(dataset: Dataset, models: ScoreModels, maps: ScoreMaps) -> Named:
    yield "aligner/log_priors", dataset.heads.log_priors
    yield "aligner/durations", dataset.durations
    for number, head in enumerate(dataset.heads.heads):
        yield from _half(f"heads/{number}", asdict(head))
    yield from _half("voices", asdict(dataset.voices))
    for number, transformer in enumerate(models.transformers):
        yield from _half(f"transformers/{number}", dict(transformer.weights))
    yield from _chain(models.trees)
    for name, each in maps.items():
        yield from ((f"maps/{name}/{part}", array) for part, array in asdict(each).items())


def _half(folder: str, arrays: dict[str, NDArray[np.generic]]) -> Named:
    yield from ((f"{folder}/{name}", array.astype(np.float16)) for name, array in arrays.items())


def _chain(chain: TreeChain) -> Named:
    yield "trees/typical", chain.typical
    named = {
        "phonemes": chain.phonemes,
        "words": chain.words,
        **dict(zip(OVERALL, chain.overall, strict=True)),
    }
    for name, trees in named.items():
        yield from _trees(f"trees/{name}", trees)
    for name, linear in zip(OVERALL, chain.linear, strict=True):
        yield f"trees/linear/{name}/coefficients", linear.coefficients
        yield f"trees/linear/{name}/intercept", linear.intercept


def _trees(folder: str, trees: Trees) -> Named:
    """Store children as distances from their parents, which are small."""
    places = np.arange(len(trees.lefts))
    small = {
        "lefts": (trees.lefts - places).astype(np.int16),
        "rights": (trees.rights - places).astype(np.int16),
        "values": trees.values.astype(np.float16),
    }
    yield from ((f"{folder}/{name}", array) for name, array in (asdict(trees) | small).items())
