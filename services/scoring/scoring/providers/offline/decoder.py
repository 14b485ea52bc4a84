"""Uses Moonshine's decoder to compute a text's likelihood, or the likeliest text."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.decoder_graph import (
    HEAD_WIDTH,
    HEADS,
    NEXT_STATES,
    RECORDING_STATES,
    TEXT_STATES,
    build_recording_graph,
    build_text_graph,
)
from scoring.providers.offline.encoder import Encoding, Floats, create_plain_session
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

    def force(self, encoding: Encoding, part: int, tokens: list[int]) -> TokenEvidence:
        """Return the likelihood of tokens in a part of the recording."""
        logits, _ = self.read(self.listen(encoding, part), [START, *tokens], EMPTY_TEXT)
        differences = logits - logits.max(axis=1, keepdims=True)
        log_sums = np.log(np.exp(differences).sum(axis=1))
        own = differences[np.arange(len(tokens) + 1), [*tokens, END]] - log_sums
        return TokenEvidence(own[:-1], -log_sums[:-1], float(own[-1]))

    def transcribe(self, encoding: Encoding, part: int, *, max_tokens: int) -> list[int]:
        """Return the greedily decoded tokens of a part."""
        recording, text, tokens = self.listen(encoding, part), EMPTY_TEXT, [START]
        while len(tokens) <= max_tokens:
            logits, text = self.read(recording, tokens[-1:], text)
            token = int(logits[-1].argmax())
            if token == END:
                break
            tokens.append(token)
        return tokens[1:]

    def listen(self, encoding: Encoding, part: int) -> State:
        if part not in encoding.decoder_states:
            encoded = encoding.last[encoding.cuts[part] : encoding.cuts[part + 1]][None]
            states = self._recording.run(RECORDING_STATES, {"encoded": encoded})
            encoding.decoder_states[part] = dict(zip(RECORDING_STATES, states, strict=True))
        return encoding.decoder_states[part]

    def read(self, recording: State, tokens: list[int], text: State) -> tuple[Floats, State]:
        """Return the logits (tokens, 32768), and the state of the text with the tokens."""
        before, count = text[TEXT_STATES[0]].shape[2], len(tokens)
        own = {
            "tokens": np.array([tokens], np.int64),
            "positions": np.arange(before, before + count, dtype=np.float32)[:, None],
            "mask": np.triu(np.full((count, before + count), -np.inf, np.float32), before + 1),
        }
        logits, *states = self._text.run(["logits", *NEXT_STATES], own | text | recording)
        return logits[0], dict(zip(TEXT_STATES, states, strict=True))


def compute_log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalized: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalized
