"""Gradient-boosted regression trees (Friedman 2001) as plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.encoder import Floats


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees one after another. A leaf points to itself.

    `features`, `thresholds`, `lefts`, `rights` and `values` have one entry a node; `roots` one a tree.
    `depth` and `base`, of shape (), are the maximum depth and the initial prediction.
    """

    features: NDArray[np.int16]
    thresholds: Floats
    lefts: NDArray[np.int32]
    rights: NDArray[np.int32]
    values: Floats
    roots: NDArray[np.int32]
    depth: NDArray[np.int32]
    base: Floats

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Trees":
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})  # type: ignore[arg-type]

    def predict(self, rows: Floats) -> Floats:
        """Return (rows,) for rows (rows, features)."""
        nodes = np.tile(self.roots, (len(rows), 1))
        places = np.arange(len(rows))[:, None]
        for _ in range(int(self.depth)):
            is_left = rows[places, self.features[nodes]] <= self.thresholds[nodes]
            nodes = np.where(is_left, self.lefts[nodes], self.rights[nodes])
        predicted: Floats = self.base + self.values[nodes].sum(axis=1)
        return predicted
