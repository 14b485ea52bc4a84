"""What may be heard when a text is read: its words in order, some of them left out.

A graph with one state between any two words. It goes to the decoder as arcs (from, to, probability, word).
"""

import math
from collections.abc import Iterator, Mapping, Sequence

OMISSION_PENALTY = 1e-18
"""The price of leaving a word out: about what pressing four phonemes into foreign sounds costs."""
MIN_ARC_PROBABILITY = 1e-100
"""More words left out cost no more, or a reading that breaks off early would be lost outside the beam."""
MAX_CONSECUTIVE_OMISSIONS = 2
"""Words that may be left out in a row. At the ends it may be any number: a reading may break off."""

PHONEMES = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y",
    "Z", "ZH",
]  # fmt: skip
ANY_SOUND = {f"_{phoneme.lower()}": phoneme for phoneme in PHONEMES}
"""Words of one phoneme, which stand in a row wherever a word is said that nobody can pronounce beforehand."""

type Arc = tuple[int, int, float, str]


def build_grammar(words: Sequence[str], known: Mapping[str, bool]) -> Iterator[Arc]:
    """The graph of a text; it starts in state 0 and ends in state `len(words)`."""
    for at, word in enumerate(words):
        yield from _word_arcs(word, at, len(words)) if known[word] else _any_sound_arcs(at)


def _word_arcs(word: str, at: int, last: int) -> Iterator[Arc]:
    for source in {0, *range(max(at - MAX_CONSECUTIVE_OMISSIONS, 0), at + 1)}:
        for target in {at + 1, last}:
            left_out = at - source + target - at - 1
            yield source, target, max(OMISSION_PENALTY**left_out, MIN_ARC_PROBABILITY), word


def _any_sound_arcs(at: int) -> Iterator[Arc]:
    for sound in ANY_SOUND:
        yield at, at + 1, 1 / len(ANY_SOUND), sound
        yield at + 1, at + 1, 1 / len(ANY_SOUND), sound


def align_words(text: Sequence[str], spoken: Sequence[str]) -> list[int]:
    """Where in the text each heard word stands; the heard words are the text, some words left out.

    A word may stand in several places. Of all that fit, those that tear the reading apart least often count.
    """
    tears: list[list[float]] = []
    for at, word in enumerate(spoken):
        row, anywhere = [], math.inf
        for place, written in enumerate(text):
            adjacent = tears[-1][place - 1] if at and place else math.inf
            anywhere = min(anywhere, adjacent)
            fewest = min(adjacent, anywhere + 1) if at else 0
            row.append(fewest if written == word else math.inf)
        tears.append(row)
    return _trace_back(tears, len(text))


def _trace_back(tears: Sequence[Sequence[float]], end: int) -> list[int]:
    """The places of the fewest tears, found from the last word back to the first."""
    found: list[int] = []
    for row in reversed(tears):
        costs = {place: row[place] + (place + 1 != end and bool(found)) for place in range(end)}
        end = min(costs, key=lambda place: (costs[place], -place))
        found.append(end)
    return found[::-1]
