"""Compares the words of a text with those that were recognised."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SUBSTITUTION_COST = 1.5
"""The cost of a substitution by a word that shares no letter. An omission or an insertion costs 1."""


@dataclass(frozen=True)
class WordAlignment:
    """`recognized` are the places of the text's words that were recognised. `extra` are recognised words that
    match none of the text, by the number of text words before them.
    """

    recognized: set[int] = field(default_factory=set)
    extra: dict[int, list[str]] = field(default_factory=dict)


def align_words(text: Sequence[str], recognized: Sequence[str]) -> WordAlignment:
    """Trace the cheapest edits back from the end of both texts (Wagner and Fischer 1974)."""
    substitutions = SUBSTITUTION_COST * _compare_letters(text, recognized)
    costs = _add_up(substitutions)
    alignment, row, column = WordAlignment(), len(text), len(recognized)
    while column:
        if row and costs[row, column] == costs[row - 1, column - 1] + substitutions[row - 1, column - 1]:
            row, column = row - 1, column - 1
            if text[row] == recognized[column]:
                alignment.recognized.add(row)
        elif row and costs[row, column] == costs[row - 1, column] + 1:
            row -= 1
        else:
            column -= 1
            alignment.extra.setdefault(row, []).insert(0, recognized[column])
    return alignment


def _add_up(substitutions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the costs of the cheapest edits between all beginnings of the two texts."""
    rows, columns = substitutions.shape
    costs = np.add.outer(np.arange(rows + 1.0), np.arange(columns + 1.0))
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            costs[row, column] = min(
                costs[row - 1, column - 1] + substitutions[row - 1, column - 1],
                costs[row - 1, column] + 1,
                costs[row, column - 1] + 1,
            )
    return costs


def _compare_letters(words: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
    """Return (words, others): 0 for the same letters in any order, 1 for no common letter."""
    counts, other_counts = _count_letters(words), _count_letters(others)
    differences = np.abs(counts[:, None] - other_counts[None]).sum(axis=2)
    lengths = counts.sum(axis=1)[:, None] + other_counts.sum(axis=1)[None]
    compared: NDArray[np.float64] = differences / np.maximum(lengths, 1)
    return compared


def _count_letters(words: Sequence[str]) -> NDArray[np.int16]:
    counts = np.zeros((len(words), 128), np.int16)
    for number, word in enumerate(words):
        for letter in word:
            counts[number, min(ord(letter), 127)] += 1
    return counts
