"""Pronounces unknown words: a joint-sequence n-gram model of letters and phonemes (Bisani and Ney 2008).

A unit ("graphone") is a letter with 0-2 phonemes. data/pronunciations.npz has, for each order, the sorted
n-grams as numbers of 9 bits per unit (the last unit has the lowest bits), their log probabilities and their
log backoff weights.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.transcript import Pronunciation

BITS = 9
START, END = 0, 1
FIRST_GRAPHONE = 2
NATS_PER_STEP = 1 / 16
"""Log probabilities are stored in bytes, as multiples of this."""
BEAM = 24

type Keys = NDArray[np.int64]
type Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Order:
    """The n-grams of one order, sorted."""

    keys: Keys
    scores: Floats
    backoffs: Floats

    def find(self, keys: Keys) -> tuple[Keys, NDArray[np.bool_]]:
        indices = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return indices, self.keys[indices] == keys


@dataclass(frozen=True)
class JointModel:
    """`graphones` are the units from FIRST_GRAPHONE on, each a letter and its phonemes."""

    orders: tuple[Order, ...]
    graphones: tuple[tuple[str, Pronunciation], ...]

    def pronounce(self, word: str, count: int = 3) -> tuple[Pronunciation, ...]:
        """Return the most likely pronunciations of a word in lower case, best first."""
        histories, scores = np.zeros(1, np.int64), np.zeros(1, np.float32)
        spoken: list[Pronunciation] = [()]
        for letter in word:
            units = self._units[letter]
            total = scores[:, None] + self.score(histories, units)
            best = np.argsort(-total, axis=None, kind="stable")[:BEAM]
            rows, columns = np.divmod(best, len(units))
            scores = total.ravel()[best]
            spoken = [
                (*spoken[row], *self.graphones[units[column] - FIRST_GRAPHONE][1])
                for row, column in zip(rows, columns, strict=True)
            ]
            histories = self._extend(histories[rows], units[columns])
        ends = scores + self.score(histories, np.array([END]))[:, 0]
        return _choose(spoken, ends, count)

    def score(self, histories: Keys, units: Keys) -> Floats:
        """Return log probabilities (histories, units)."""
        log_probabilities = np.zeros((len(histories), len(units)), np.float32)
        open_, backoff = np.ones(log_probabilities.shape, bool), np.zeros((len(histories), 1), np.float32)
        for size in range(len(self.orders), 0, -1):
            contexts = histories & ((1 << BITS * (size - 1)) - 1)
            order = self.orders[size - 1]
            indices, is_known = order.find((contexts << BITS)[:, None] | units)
            log_probabilities = np.where(open_ & is_known, order.scores[indices] + backoff, log_probabilities)
            open_ &= ~is_known
            if size > 1:
                lower = self.orders[size - 2]
                indices, is_known = lower.find(contexts)
                backoff = backoff + np.where(is_known, lower.backoffs[indices], 0)[:, None].astype(np.float32)
        return log_probabilities

    def _extend(self, histories: Keys, units: Keys) -> Keys:
        return ((histories << BITS) | units) & ((1 << BITS * (len(self.orders) - 1)) - 1)

    @property
    def _units(self) -> Mapping[str, Keys]:
        return _group_by_letter(self.graphones)


@cache
def _group_by_letter(graphones: tuple[tuple[str, Pronunciation], ...]) -> Mapping[str, Keys]:
    letters = np.array([letter for letter, _ in graphones])
    return {letter: np.flatnonzero(letters == letter) + FIRST_GRAPHONE for letter in set(letters.tolist())}


def _choose(spoken: list[Pronunciation], scores: Floats, count: int) -> tuple[Pronunciation, ...]:
    """Return the best pronunciations. The probabilities of paths with the same phonemes are added."""
    sums: dict[Pronunciation, float] = {}
    for sounds, score in zip(spoken, scores.tolist(), strict=True):
        if sounds:
            sums[sounds] = float(np.logaddexp(sums.get(sounds, -np.inf), score))
    return tuple(sorted(sums, key=lambda sounds: -sums[sounds])[:count])


def from_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> JointModel:
    """Restore a model from its stored form, which has the differences of keys, and logarithms in bytes."""
    sizes = range(1, 1 + sum(name.startswith("keys/") for name in arrays))
    orders = tuple(
        Order(
            np.cumsum(arrays[f"keys/{size}"].astype(np.int64)),
            -NATS_PER_STEP * arrays[f"scores/{size}"].astype(np.float32),
            -NATS_PER_STEP * arrays[f"backoffs/{size}"].astype(np.float32),
        )
        for size in sizes
    )
    letters, sounds = bytes(arrays["letters"].tolist()).decode(), arrays["sounds"].tolist()
    return JointModel(
        orders,
        tuple((letter, tuple(filter(None, sound))) for letter, sound in zip(letters, sounds, strict=True)),
    )


@cache
def load_joint_model() -> JointModel:
    content = (files(__package__) / "data" / "pronunciations.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return from_arrays(dict(stored))
