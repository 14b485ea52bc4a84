"""Builds the graph that the aligner searches, with a node for each phoneme of each pronunciation.

Words may be separated by silence. Optional arcs skip a word (an omission) or pass through speech that is not
in the text (an insertion).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from scoring.providers.offline.phonemes import SILENCE, SYMBOLS
from scoring.providers.offline.transcript import Pronunciation, Reading, Transcript, Word

FILLER = len(SYMBOLS)
"""The emission of any speech."""
START = -1
"""Precedes the first node."""
BETWEEN_WORDS = -1
MAX_SKIPS_IN_A_ROW = 2


@dataclass(frozen=True)
class Penalties:
    """Logarithms that are added to the score of a path. None forbids the arc."""

    skip: float | None = None
    filler: float | None = None


@dataclass(frozen=True)
class Node:
    """The emission is a phoneme or FILLER. `word` is its place in the reading, or BETWEEN_WORDS."""

    emission: int
    slot: int
    reading: int = 0
    word: int = BETWEEN_WORDS
    pronunciation: int = 0
    position: int = 0


type Arcs = dict[int, float]
"""Costs, by preceding node."""


@dataclass
class Graph:
    """Nodes in the order of the text, the arcs into each of them, and those out of the last ones."""

    nodes: list[Node] = field(default_factory=list)
    arcs: list[Arcs] = field(default_factory=list)
    ends: Arcs = field(default_factory=dict)

    def add(self, node: Node, arcs: Arcs) -> int:
        self.nodes.append(node)
        self.arcs.append(arcs)
        return len(self.nodes) - 1


def build_graph(transcript: Transcript, penalties: Penalties | None = None) -> Graph:
    graph, allowed = Graph(), penalties or Penalties()
    ends = _add_pause(graph, {START: 0.0}, slot=0, filler=allowed.filler)
    truncated: Arcs = {}
    for number, readings in enumerate(transcript):
        truncated = _merge([truncated, ends])
        ends = _merge(
            _add_reading(graph, ends, reading, slot=number, number=choice, allowed=allowed)
            for choice, reading in enumerate(readings)
        )
        truncated = _skip_rest(truncated, allowed.skip, words=min(map(len, readings)))
    graph.ends = _merge([ends, truncated])
    return graph


def _add_reading(
    graph: Graph, begins: Arcs, reading: Reading, *, slot: int, number: int, allowed: Penalties
) -> Arcs:
    ends = begins
    for word_index, word in enumerate(reading):
        spoken = _merge(
            _add_pronunciation(graph, ends, sounds, Node(SILENCE, slot, number, word_index, choice))
            for choice, sounds in enumerate(word.pronunciations)
        )
        spoken = _merge([spoken, _skip(ends, allowed.skip)])
        ends = _add_pause(graph, spoken, slot=slot + 1, filler=allowed.filler)
    return ends


def _add_pronunciation(graph: Graph, begins: Arcs, sounds: Pronunciation, word_node: Node) -> Arcs:
    arcs = begins
    for position, phoneme in enumerate(sounds):
        node = Node(
            phoneme, word_node.slot, word_node.reading, word_node.word, word_node.pronunciation, position
        )
        arcs = {graph.add(node, arcs): 0.0}
    return arcs


def _add_pause(graph: Graph, begins: Arcs, *, slot: int, filler: float | None) -> Arcs:
    """Add an optional silence, and optional other speech with a silence before and after it."""
    silence = graph.add(Node(SILENCE, slot), begins)
    ends = begins | {silence: 0.0}
    if filler is not None:
        incoming = {node: cost + filler for node, cost in ends.items()}
        other = graph.add(Node(FILLER, slot), incoming)
        after = graph.add(Node(SILENCE, slot), {other: 0.0})
        ends = ends | {other: 0.0, after: 0.0}
    return ends


def _skip(begins: Arcs, penalty: float | None) -> Arcs:
    if penalty is None:
        return {}
    lowest = (MAX_SKIPS_IN_A_ROW + 0.5) * penalty
    # At the start and end, any number of words may be skipped, which needs no further arcs between nodes.
    return {node: cost + penalty for node, cost in begins.items() if node == START or cost + penalty > lowest}


def _skip_rest(ends: Arcs, penalty: float | None, *, words: int) -> Arcs:
    return {} if penalty is None else {node: cost + words * penalty for node, cost in ends.items()}


def _merge(alternatives: Iterable[Arcs]) -> Arcs:
    merged: Arcs = {}
    for arcs in alternatives:
        for node, cost in arcs.items():
            merged[node] = max(cost, merged.get(node, cost))
    return merged


def list_chosen_words(transcript: Transcript, readings: dict[int, int]) -> tuple[Word, ...]:
    """Return the words of the chosen readings, by slot, or of the first reading if none was chosen."""
    return tuple(word for slot, choices in enumerate(transcript) for word in choices[readings.get(slot, 0)])
