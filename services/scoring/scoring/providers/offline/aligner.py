"""Finds the frames of each phoneme of a text, with the Viterbi algorithm on a hybrid hidden Markov model
(Bourlard and Morgan 1994).
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.graph import (
    BETWEEN_WORDS,
    START,
    Arcs,
    Graph,
    Node,
    Penalties,
    build_graph,
    list_chosen_words,
)
from scoring.providers.offline.transcript import Transcript, Word

PRIOR_WEIGHT = 0.5
"""The weight with which the log priors of the phonemes are subtracted from their log posteriors."""
FILLER_MARGIN = 4.0
"""Penalty of other speech relative to the best phoneme of each frame, in nats."""
IMPOSSIBLE = -1e30

type Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Segments:
    """Phonemes and pauses in order. Each array has one entry per segment.

    `words` are the places of the chosen words, or -1 for pauses and other speech, whose phoneme is FILLER.
    `starts` and `ends` are frames.
    """

    phonemes: Integers
    words: Integers
    positions: Integers
    pronunciations: Integers
    starts: Integers
    ends: Integers

    def __len__(self) -> int:
        return len(self.phonemes)

    @property
    def spoken(self) -> NDArray[np.bool_]:
        return self.words >= 0

    @property
    def frames(self) -> Integers:
        return self.ends - self.starts


@dataclass(frozen=True)
class Alignment:
    """The chosen words, their positions, and the mean score per frame in nats."""

    words: tuple[Word, ...]
    segments: Segments
    score: float


def align(
    log_posteriors: Floats, transcript: Transcript, log_priors: Floats, penalties: Penalties | None = None
) -> Alignment | None:
    """Align posteriors (frames, 40). Returns None if the recording is too short for the text."""
    graph = build_graph(transcript, penalties)
    result = _find_path(_compute_emissions(log_posteriors, log_priors), graph)
    if result is None:
        return None
    path, score = result
    return _to_alignment(path, graph.nodes, transcript, score / len(log_posteriors))


def _compute_emissions(log_posteriors: Floats, log_priors: Floats) -> Floats:
    scores = log_posteriors - PRIOR_WEIGHT * log_priors
    filler = scores[:, 1:].max(axis=1, keepdims=True) - FILLER_MARGIN
    return np.concatenate([scores, filler], axis=1)


def _find_path(emissions: Floats, graph: Graph) -> tuple[list[int], float] | None:
    """Return the node of each frame on the best path, and its score."""
    arcs = _list_arcs(graph)
    sources = np.array([source for incoming in arcs for source in incoming])
    costs = np.array([cost for incoming in arcs for cost in incoming.values()])
    firsts = np.cumsum([0, *map(len, arcs[:-1])])
    emitted = emissions[:, [node.emission for node in graph.nodes]]
    scores = np.empty(emitted.shape)
    scores[0] = emitted[0] + np.array([incoming.get(START, IMPOSSIBLE) for incoming in graph.arcs])
    for frame in range(1, len(emitted)):
        entering = scores[frame - 1].take(sources) + costs
        scores[frame] = np.maximum.reduceat(entering, firsts) + emitted[frame]
    score, node = max((scores[-1, node] + cost, node) for node, cost in graph.ends.items() if node != START)
    return None if score < IMPOSSIBLE / 2 else (_trace(scores, arcs, node), float(score))


def _list_arcs(graph: Graph) -> list[Arcs]:
    """Return the arcs into each node that may follow a frame. The first one stays in the node."""
    arcs = [{node: 0.0} | incoming for node, incoming in enumerate(graph.arcs)]
    return [{source: cost for source, cost in incoming.items() if source != START} for incoming in arcs]


def _trace(scores: NDArray[np.float64], arcs: list[Arcs], last: int) -> list[int]:
    """Follow the path backwards: the arc with the highest score entered each node."""
    path = [last]
    for frame in range(len(scores) - 2, -1, -1):
        sources = arcs[path[-1]]
        entering = [scores.item(frame, source) + cost for source, cost in sources.items()]
        path.append([*sources][entering.index(max(entering))])
    return path[::-1]


def _to_alignment(path: list[int], nodes: list[Node], transcript: Transcript, score: float) -> Alignment:
    runs = [(number, len(list(run))) for number, run in groupby(path)]
    visited = [nodes[number] for number, _ in runs]
    readings = {node.slot: node.reading for node in visited if node.word != BETWEEN_WORDS}
    words = list_chosen_words(transcript, readings)
    first_words = np.cumsum(
        [0] + [len(slot[readings.get(slot_index, 0)]) for slot_index, slot in enumerate(transcript)]
    )
    ends = np.cumsum([length for _, length in runs])
    rows = np.array([_to_row(node, int(first_words[node.slot])) for node in visited], np.int64).T
    starts = np.concatenate([[0], ends[:-1]])
    return Alignment(words, Segments(rows[0], rows[1], rows[2], rows[3], starts, ends), score)


def _to_row(node: Node, first_word: int) -> tuple[int, int, int, int]:
    word = BETWEEN_WORDS if node.word == BETWEEN_WORDS else first_word + node.word
    return node.emission, word, node.position, node.pronunciation
