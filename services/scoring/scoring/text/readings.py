"""Readings of a written token: the ways in which it is usually read aloud, the most usual one first."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, product

MAX_READINGS = 12
CONTEXT_CHARACTERS = 40
"""The context of a token, on each side. With the whole text, it would take quadratic time."""

type Readings = tuple[str, ...]
"""Words, separated by spaces. An empty reading means that the token is not spoken."""


@dataclass(frozen=True)
class Token:
    """A part of a text, from `start` to `end`, and its readings."""

    source_text: str
    start: int
    end: int
    readings: tuple[tuple[str, ...], ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the most usual reading."""
        return self.readings[0]


def unite(*alternatives: Iterable[str]) -> Readings:
    """Return the distinct readings in order, at most MAX_READINGS."""
    distinct = dict.fromkeys(reading for readings in alternatives for reading in readings)
    return tuple(islice(distinct, MAX_READINGS))


def join(*parts: Iterable[str]) -> Readings:
    """Return the combinations of the parts' readings, the most usual ones first."""
    ranked = [list(enumerate(islice(part, MAX_READINGS))) for part in parts]
    combinations = sorted(product(*ranked), key=lambda combination: sum(rank for rank, _ in combination))
    return unite(" ".join(filter(None, (text for _, text in combination))) for combination in combinations)


def get_text_before(match: re.Match[str]) -> str:
    return match.string[max(match.start() - CONTEXT_CHARACTERS, 0) : match.start()]


def get_text_after(match: re.Match[str]) -> str:
    return match.string[match.end() : match.end() + CONTEXT_CHARACTERS]
