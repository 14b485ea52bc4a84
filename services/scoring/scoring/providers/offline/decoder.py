"""Uses Moonshine's decoder to compute a text's likelihood, or the likeliest text."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import eq

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from scoring.providers.offline.decoder_graph import (
    NEXT_STATES,
    RECORDING_STATES,
    TEXT_STATES,
    build_recording_graph,
    build_row_graph,
    build_text_graph,
)
from scoring.providers.offline.draft import Draft
from scoring.providers.offline.encoder import Encoding, Floats, create_plain_session
from scoring.providers.offline.graph_builder import HEAD_WIDTH, HEADS
from scoring.providers.offline.ort_format import read_weights
from scoring.providers.offline.tokenizer import END, START

type State = dict[str, NDArray[np.float32]]
"""Keys and values by name."""

EMPTY_STATE = np.zeros((1, HEADS, 0, HEAD_WIDTH), np.float32)
EMPTY_TEXT: State = dict.fromkeys(TEXT_STATES, EMPTY_STATE)


@dataclass(frozen=True)
class TokenEvidence:
    """Natural logarithms of the probabilities of the tokens of a text, and of the best token in their places.

    Shapes (tokens,); `end` is that of the end of the text.
    """

    log_probabilities: Floats
    best: Floats
    end: float


class Decoder:
    def __init__(self, model: bytes) -> None:
        weights = read_weights(model)
        self._recording = create_plain_session(build_recording_graph(weights))
        self._text = create_plain_session(build_text_graph(weights))
        self._rows = create_plain_session(build_row_graph(weights))

    def score_tokens(self, encoding: Encoding, part: int, tokens: list[int]) -> TokenEvidence:
        """Return the likelihood of tokens in a part of the recording."""
        logits, _ = self.read(self.encode_recording(encoding, part), [START, *tokens], EMPTY_TEXT)
        logits -= logits.max(axis=1, keepdims=True)
        token_logits = logits[np.arange(len(tokens) + 1), [*tokens, END]]
        log_sums = np.log(np.exp(logits, out=logits).sum(axis=1))
        token_logits -= log_sums
        return TokenEvidence(token_logits[:-1], -log_sums[:-1], float(token_logits[-1]))

    def transcribe(self, encoding: Encoding, part: int, draft: Draft, *, max_tokens: int) -> list[int]:
        """Return the greedily decoded tokens of a part.

        What the draft proposes is read in one run and kept up to the first token that the decoder would not
        have chosen (Stern 2018, arXiv 1811.03115; Leviathan 2023, arXiv 2211.17192).
        """
        recording, text, tokens = self.encode_recording(encoding, part), EMPTY_TEXT, [START]
        while tokens[-1] != END and len(tokens) <= max_tokens:
            proposed = draft.propose(max_tokens - len(tokens))
            logits, text = self.read_separately(recording, [tokens[-1], *proposed], text)
            best_tokens = logits.argmax(axis=1).tolist()
            best_tokens = best_tokens[: count_equal(proposed, best_tokens) + 1]
            draft.follow(best_tokens)
            tokens += best_tokens
            text = {name: state[:, :, : len(tokens) - 1] for name, state in text.items()}
        return [token for token in tokens[1:] if token != END]

    def encode_recording(self, encoding: Encoding, part: int) -> State:
        if part not in encoding.decoder_states:
            encoded = encoding.last[encoding.cuts[part] : encoding.cuts[part + 1]][None]
            states = self._recording.run(RECORDING_STATES, {"encoded": encoded})
            encoding.decoder_states[part] = dict(zip(RECORDING_STATES, states, strict=True))
        return encoding.decoder_states[part]

    def read(self, recording: State, tokens: list[int], text: State) -> tuple[Floats, State]:
        """Return the logits (tokens, 32768), and the state of the text with the tokens."""
        return _run(self._text, recording, tokens, text)

    def read_separately(self, recording: State, tokens: list[int], text: State) -> tuple[Floats, State]:
        """Return the same as if each token were read in a separate run, except for rounding errors."""
        return _run(self._rows if len(tokens) > 1 else self._text, recording, tokens, text)


def _run(session: InferenceSession, recording: State, tokens: list[int], text: State) -> tuple[Floats, State]:
    before, count = text[TEXT_STATES[0]].shape[2], len(tokens)
    inputs = {
        "tokens": np.array([tokens], np.int64),
        "positions": np.arange(before, before + count, dtype=np.float32)[:, None],
        "mask": np.triu(np.full((count, before + count), -np.inf, np.float32), before + 1),
    }
    logits, *states = session.run(["logits", *NEXT_STATES], inputs | text | recording)
    return logits[0], dict(zip(TEXT_STATES, states, strict=True))


def count_equal(tokens: Sequence[int], others: Sequence[int]) -> int:
    """Return the number of tokens that are equal from the start on."""
    return sum(takewhile(bool, map(eq, tokens, others)))


def compute_log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalized: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalized
