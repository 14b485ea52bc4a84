"""Gradient-boosted regression trees (Friedman 2001) as plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.encoder import Floats


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees. A leaf is its own child.

    `features`, `thresholds`, `lefts`, `rights` and `values` have one entry per node, `roots` one per tree.
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

    @cached_property
    def _children(self) -> NDArray[np.intp]:
        """The right and the left child of each node, alternating."""
        return np.column_stack([self.rights, self.lefts]).astype(np.intp).ravel()

    def predict(self, rows: Floats) -> Floats:
        """Return (rows,) for rows (rows, features)."""
        # All rows descend all trees together. Flat indices take half the time of index pairs.
        count, width = rows.shape
        values, starts = rows.ravel(), np.repeat(np.arange(count) * width, len(self.roots))
        nodes = np.tile(self.roots, count).astype(np.intp)
        for _ in range(int(self.depth)):
            is_left = values.take(starts + self.features.take(nodes)) <= self.thresholds.take(nodes)
            nodes = self._children.take(2 * nodes + is_left)
        leaves = self.values.take(nodes).reshape(count, len(self.roots))
        predicted: Floats = self.base + leaves.sum(axis=1)
        return predicted
