"""Classifies the phoneme of each encoder frame.

A small network reads three layers of the encoder: 864 -> 256, a convolution over 3 frames -> 160, 40
phonemes. The probabilities of two networks, each trained with half of the speakers, are averaged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.providers.offline.decoder import compute_log_softmax
from scoring.providers.offline.encoder import Floats


@dataclass(frozen=True)
class PhoneHead:
    """Weights, which include the standardisation of the inputs.

    Shapes: input (864, 256), context (3, 256, 160), output (160, 40), and their biases.
    """

    input: Floats
    input_bias: Floats
    context: Floats
    context_bias: Floats
    output: Floats
    output_bias: Floats

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> "PhoneHead":
        return cls(**{name: np.asarray(array, np.float32) for name, array in arrays.items()})

    def compute_log_posteriors(self, inner: Floats) -> Floats:
        """Return natural logarithms (frames, 40) for inner layers (frames, 864)."""
        hidden = np.maximum(inner @ self.input + self.input_bias, 0)
        padded = np.concatenate([hidden[:1], hidden, hidden[-1:]])
        count = len(hidden)
        mixed = sum(padded[shift : shift + count] @ self.context[shift] for shift in range(len(self.context)))
        return compute_log_softmax(np.maximum(mixed + self.context_bias, 0) @ self.output + self.output_bias)


def average_log_posteriors(heads: Sequence[PhoneHead], inner: Floats) -> Floats:
    """Return the logarithm of the mean of the heads' probabilities."""
    posteriors: Floats = np.logaddexp.reduce(
        [head.compute_log_posteriors(inner) for head in heads]
    ) - np.float32(np.log(len(heads)))
    return posteriors
