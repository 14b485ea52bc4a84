"""Uses Moonshine's decoder to compute a text's likelihood, or the likeliest text."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.encoder import SAMPLES_PER_FRAME, Floats, create_session
from scoring.providers.offline.tokenizer import END, START

EMPTY_STATE = np.zeros((1, 8, 0, 36), np.float32)
"""Empty keys or values: 8 heads of 36 numbers."""
type State = dict[str, NDArray[np.float32]]
type Feed = dict[str, NDArray[np.generic]]


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
        """Return the tokens' likelihood, for frames (frames, 288) of the encoder's last layer."""
        logits, _ = self._step(_to_feed(last), [START, *tokens], None)
        log_probabilities = compute_log_softmax(logits)
        own = log_probabilities[np.arange(len(tokens) + 1), [*tokens, END]]
        return TokenEvidence(own[:-1], log_probabilities.max(axis=1)[:-1], float(own[-1]))

    def transcribe(self, last: Floats, *, max_tokens: int) -> list[int]:
        """Return the greedily decoded tokens."""
        encoded, tokens = _to_feed(last), [START]
        state: State | None = None
        while len(tokens) <= max_tokens:
            logits, state = self._step(encoded, tokens[-1:], state)
            token = int(logits[-1].argmax())
            if token == END:
                break
            tokens.append(token)
        return tokens[1:]

    def _step(self, encoded: Feed, tokens: list[int], state: State | None) -> tuple[Floats, State]:
        past = state or dict.fromkeys(self._state_names, EMPTY_STATE)
        own = {"input_ids": np.array([tokens], np.int64), "use_cache_branch": np.array([state is not None])}
        # The decoder's cross-attention inputs are the same in each step, and computed in the first one.
        kept = {name: past[name] for name in self._state_names if state and "encoder" in name}
        wanted = [name for name in self._output_names if not (state and "encoder" in name)]
        outputs = dict(zip(wanted, self._session.run(wanted, past | own | encoded), strict=True))
        logits = outputs.pop("logits")[0]
        present = {name.replace("present", "past_key_values"): value for name, value in outputs.items()}
        return logits, present | kept


def _to_feed(last: Floats) -> Feed:
    # The mask has one entry a sample: the graph takes every 384th.
    mask = np.ones((1, len(last) * SAMPLES_PER_FRAME), np.int64)
    return {"encoder_hidden_states": last[None], "encoder_attention_mask": mask}


def compute_log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalized: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalized
