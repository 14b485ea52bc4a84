"""Reads the weights that `make train-scorer` writes (docs/scorer-model-card.md).

They are plain arrays with paths as names: `heads/0/input`, `transformers/2/layer0.wide.weight`,
`trees/words/thresholds`.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.phone_head import PhoneHead
from scoring.providers.offline.score_map import MAPPED_SCORES, ScoreMap, ScoreMaps
from scoring.providers.offline.score_models import OVERALL, LinearModel, ScoreModels, Transformer, TreeChain
from scoring.providers.offline.trees import Trees
from scoring.providers.offline.utterance_features import VoiceSpace

type Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class ScorerWeights:
    """`log_priors` (40,) are the phonemes' frequencies, `durations` (40, 2) their usual lengths."""

    heads: tuple[PhoneHead, ...]
    log_priors: Floats
    durations: Floats
    voices: VoiceSpace
    models: ScoreModels
    maps: ScoreMaps


def load_weights() -> ScorerWeights:
    content = (files(__package__) / "data" / "scorer.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return from_arrays(dict(stored))


def from_arrays(arrays: Arrays) -> ScorerWeights:
    aligner = _to_floats(_select_folder(arrays, "aligner"))
    return ScorerWeights(
        heads=tuple(PhoneHead.from_arrays(_to_floats(head)) for head in _list_numbered(arrays, "heads")),
        log_priors=aligner["log_priors"],
        durations=aligner["durations"],
        voices=VoiceSpace(**_to_floats(_select_folder(arrays, "voices"))),
        models=ScoreModels(
            tuple(_to_transformer(transformer) for transformer in _list_numbered(arrays, "transformers")),
            _to_chain(_select_folder(arrays, "trees")),
        ),
        maps={name: ScoreMap(**_to_floats(_select_folder(arrays, f"maps/{name}"))) for name in MAPPED_SCORES},
    )


def _to_transformer(arrays: Arrays) -> Transformer:
    layers = len([name for name in arrays if name.endswith(".wide.weight")])
    return Transformer(_to_floats(arrays), layers)


def _to_chain(arrays: Arrays) -> TreeChain:
    trees = {name: _to_trees(_select_folder(arrays, name)) for name in ("phonemes", "words", *OVERALL)}
    linear = tuple(LinearModel(**_to_floats(_select_folder(arrays, f"linear/{name}"))) for name in OVERALL)
    typical = _to_floats(arrays)["typical"]
    overall = tuple(trees[name] for name in OVERALL)
    return TreeChain(typical, trees["phonemes"], trees["words"], overall, linear)


def _to_trees(arrays: Arrays) -> Trees:
    """Restore the children, which are stored as distances from their parents."""
    floats = {name: arrays[name].astype(np.float32) for name in ("thresholds", "values", "base")}
    indices = np.arange(len(arrays["lefts"]), dtype=np.int32)
    children = {name: indices + arrays[name].astype(np.int32) for name in ("lefts", "rights")}
    return Trees.from_arrays({**arrays, **floats, **children})


def _select_folder(arrays: Arrays, folder: str) -> Arrays:
    start = f"{folder}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def _list_numbered(arrays: Arrays, folder: str) -> list[Arrays]:
    inside = _select_folder(arrays, folder)
    numbers = {int(name.partition("/")[0]) for name in inside}
    return [_select_folder(inside, str(number)) for number in sorted(numbers)]


def _to_floats(arrays: Arrays) -> dict[str, Floats]:
    return {name: array.astype(np.float32) for name, array in arrays.items()}
