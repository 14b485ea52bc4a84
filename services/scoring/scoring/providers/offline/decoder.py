"""Asks Moonshine's decoder how likely a text is for a recording, or which text is likely."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.encoder import SAMPLES_PER_FRAME, Floats, create_session
from scoring.providers.offline.tokenizer import END, START

EMPTY_STATE = np.zeros((1, 8, 0, 36), np.float32)
"""Keys or values of no token: 8 heads of 36 numbers."""
type State = dict[str, NDArray[np.float32]]


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
        self._session = create_session(model)
        self._state_names = [each.name for each in self._session.get_inputs() if each.name.startswith("past")]
        self._output_names = [each.name for each in self._session.get_outputs()]

    def force(self, last: Floats, tokens: list[int]) -> TokenEvidence:
        """Return how likely the tokens are, for frames (frames, 288) of the encoder's last layer."""
        logits, _ = self._step(last, [START, *tokens], None)
        log_probabilities = log_softmax(logits)
        own = log_probabilities[np.arange(len(tokens) + 1), [*tokens, END]]
        return TokenEvidence(own[:-1], log_probabilities.max(axis=1)[:-1], float(own[-1]))

    def transcribe(self, last: Floats, *, max_tokens: int) -> list[int]:
        """Return the tokens that are likeliest one after another."""
        tokens, state = [START], None
        while len(tokens) <= max_tokens:
            logits, state = self._step(last, tokens[-1:], state)
            token = int(logits[-1].argmax())
            if token == END:
                break
            tokens.append(token)
        return tokens[1:]

    def _step(self, last: Floats, tokens: list[int], state: State | None) -> tuple[Floats, State]:
        past = state or dict.fromkeys(self._state_names, EMPTY_STATE)
        feed = past | {
            "input_ids": np.array([tokens], np.int64),
            "encoder_hidden_states": last[None],
            # One entry a sample: the graph takes every 384th.
            "encoder_attention_mask": np.ones((1, len(last) * SAMPLES_PER_FRAME), np.int64),
            "use_cache_branch": np.array([state is not None]),
        }
        outputs = dict(zip(self._output_names, self._session.run(None, feed), strict=True))
        # What the decoder takes from the encoder is the same in each step, and computed in the first one.
        kept = {name for name in self._state_names if state and "encoder" in name}
        present = {name: name.replace("past_key_values", "present") for name in self._state_names}
        return outputs["logits"][0], {
            name: past[name] if name in kept else outputs[present[name]] for name in self._state_names
        }


def log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalized: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalized
