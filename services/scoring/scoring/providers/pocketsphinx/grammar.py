"""The grammar of a reading: a graph of the text's words in order, some of them omitted."""

import math
from collections.abc import Iterator, Mapping, Sequence

OMISSION_PENALTY = 1e-18
"""The probability of an omission, about that of four phonemes forced onto other sounds."""
MIN_ARC_PROBABILITY = 1e-100
"""A lower bound, or the beam would drop readings that stop early."""
MAX_CONSECUTIVE_OMISSIONS = 2
"""Within a text. At its ends any number of words may be missing, as readings start late or stop early."""

PHONEMES = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y",
    "Z", "ZH",
]  # fmt: skip
ANY_SOUND = {f"_{phoneme.lower()}": phoneme for phoneme in PHONEMES}
"""Words of one phoneme. A sequence of them stands for a word without a known pronunciation."""

type Arc = tuple[int, int, float, str]
"""From state, to state, probability, word."""


def build_grammar(words: Sequence[str], known: Mapping[str, bool]) -> Iterator[Arc]:
    """Yield the graph of a text, from state 0 to state `len(words)`."""
    for at, word in enumerate(words):
        yield from _build_word_arcs(word, at, len(words)) if known[word] else _build_any_sound_arcs(at)


def _build_word_arcs(word: str, at: int, last: int) -> Iterator[Arc]:
    for source in {0, *range(max(at - MAX_CONSECUTIVE_OMISSIONS, 0), at + 1)}:
        for target in {at + 1, last}:
            omitted = at - source + target - at - 1
            yield source, target, max(OMISSION_PENALTY**omitted, MIN_ARC_PROBABILITY), word


def _build_any_sound_arcs(at: int) -> Iterator[Arc]:
    for sound in ANY_SOUND:
        yield at, at + 1, 1 / len(ANY_SOUND), sound
        yield at + 1, at + 1, 1 / len(ANY_SOUND), sound


def align_words(text: Sequence[str], spoken: Sequence[str]) -> list[int]:
    """Return the position in the text of each spoken word, with as few gaps between them as possible."""
    gaps: list[list[float]] = []
    for at, word in enumerate(spoken):
        row, anywhere = [], math.inf
        for position, written in enumerate(text):
            adjacent = gaps[-1][position - 1] if at and position else math.inf
            anywhere = min(anywhere, adjacent)
            fewest = min(adjacent, anywhere + 1) if at else 0
            row.append(fewest if written == word else math.inf)
        gaps.append(row)
    return _trace_back(gaps, len(text))


def _trace_back(gaps: Sequence[Sequence[float]], end: int) -> list[int]:
    found: list[int] = []
    for row in reversed(gaps):
        costs = {position: row[position] + (position + 1 != end and bool(found)) for position in range(end)}
        end = min(costs, key=lambda position: (costs[position], -position))
        found.append(end)
    return found[::-1]
