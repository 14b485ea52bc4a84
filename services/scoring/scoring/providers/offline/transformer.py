"""A small transformer over the phonemes and pauses of a reading, after GOPT (Gong 2022, arXiv 2205.03432).

It scores phonemes, words and the whole reading together. The same function runs here and, with padded
readings, in training: `xp` is the array module, NumPy or JAX.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

HEADS = 4
MAX_POSITIONS = 160
MAX_TOKEN_DEVIATION, MAX_UTTERANCE_DEVIATION = 6.0, 4.0
PADDING = -2
"""The place of a padding token's word. That of a pause is -1."""
SCALE = 5.0
"""Words and readings are scored 0-10, but computed as 0-2, like phonemes."""
PHONEME_OFFSET, WORD_OFFSET, READING_OFFSET = 1.7, 1.7, 1.4
MASKED_SCORE = -1e4

type Array = Any
type Weights = Mapping[str, Array]
type Drop = Callable[[Array, float], Array]


class Inputs(NamedTuple):
    """Standardised tokens (n, 61), phonemes (n,), words (n,) and the standardised utterance (60,)."""

    tokens: Array
    phonemes: Array
    words: Array
    utterance: Array


class Outputs(NamedTuple):
    """Phonemes (n,), words (words, 3) and reading (5,), all 0-2."""

    phonemes: Array
    words: Array
    reading: Array


def keep(values: Array, _rate: float) -> Array:
    return values


def standardize(weights: Weights, tokens: Array, utterance: Array) -> tuple[Array, Array]:
    scaled = (tokens - weights["token_mean"]) / weights["token_scale"]
    standardized_utterance = (utterance - weights["utterance_mean"]) / weights["utterance_scale"]
    return (
        np.clip(scaled, -MAX_TOKEN_DEVIATION, MAX_TOKEN_DEVIATION),
        np.clip(standardized_utterance, -MAX_UTTERANCE_DEVIATION, MAX_UTTERANCE_DEVIATION),
    )


def run_transformer(
    weights: Weights, inputs: Inputs, word_count: int, *, layers: int, xp: Any = np, drop: Drop = keep
) -> Outputs:
    real = inputs.words != PADDING
    positions = xp.minimum(xp.arange(len(real)), MAX_POSITIONS - 1)
    hidden = _apply_linear(weights, "input", drop(inputs.tokens, 0.1))
    hidden = hidden + weights["phoneme"][inputs.phonemes] + weights["position"][positions]
    for layer in range(layers):
        hidden = _apply_layer(weights, f"layer{layer}", hidden, real, xp=xp, drop=drop)
    hidden = _normalize(weights, "final", hidden, xp)
    phonemes = _apply_two_layers(weights, "phonemes", hidden, xp, drop)[:, 0] + PHONEME_OFFSET
    member = inputs.words[None, :] == xp.arange(word_count)[:, None]
    words = _apply_two_layers(weights, "words", _pool_words(hidden, member, xp), xp, drop) + WORD_OFFSET
    pooled = _pool_reading(weights, hidden, real, inputs.words >= 0, xp)
    summary = _summarize(phonemes, inputs.words >= 0, words[:, 0], member.any(axis=1), xp)
    features = xp.concatenate([*pooled, drop(inputs.utterance, 0.2), summary])
    return Outputs(
        phonemes, words, _apply_two_layers(weights, "reading", features, xp, drop) + READING_OFFSET
    )


def _apply_linear(weights: Weights, name: str, values: Array) -> Array:
    return values @ weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _apply_two_layers(weights: Weights, name: str, values: Array, xp: Any, drop: Drop) -> Array:
    hidden = drop(_apply_gelu(_apply_linear(weights, f"{name}.hidden", values), xp), 0.2)
    return _apply_linear(weights, f"{name}.output", hidden)


def _apply_layer(weights: Weights, name: str, hidden: Array, real: Array, *, xp: Any, drop: Drop) -> Array:
    """Attend, then transform each token, after normalising each time (Xiong 2020, arXiv 2002.04745)."""
    attention_output = _attend(weights, name, _normalize(weights, f"{name}.before", hidden, xp), real, xp)
    hidden = hidden + drop(attention_output, 0.2)
    inner = _apply_gelu(
        _apply_linear(weights, f"{name}.wide", _normalize(weights, f"{name}.between", hidden, xp)), xp
    )
    return hidden + drop(_apply_linear(weights, f"{name}.narrow", drop(inner, 0.2)), 0.2)


def _attend(weights: Weights, name: str, values: Array, real: Array, xp: Any) -> Array:
    count, width = values.shape
    mixed = _apply_linear(weights, f"{name}.attention", values).reshape(count, 3, HEADS, width // HEADS)
    queries, keys, contents = (mixed[:, index].transpose(1, 0, 2) for index in range(3))
    scores = queries @ keys.transpose(0, 2, 1) / (width // HEADS) ** 0.5
    shares = _compute_softmax(xp.where(real[None, None, :], scores, MASKED_SCORE), xp)
    joined = (shares @ contents).transpose(1, 0, 2).reshape(count, width)
    return _apply_linear(weights, f"{name}.joined", joined)


def _normalize(weights: Weights, name: str, values: Array, xp: Any) -> Array:
    centered = values - values.mean(axis=-1, keepdims=True)
    scaled = centered / xp.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.scale"] + weights[f"{name}.shift"]


def _apply_gelu(values: Array, xp: Any) -> Array:
    """Apply the approximation with tanh (Hendrycks 2016, arXiv 1606.08415)."""
    return 0.5 * values * (1 + xp.tanh(0.79788456 * (values + 0.044715 * values**3)))


def _compute_softmax(values: Array, xp: Any) -> Array:
    powers = xp.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _pool_words(hidden: Array, member: Array, xp: Any) -> Array:
    """Return the mean and maximum (words, 2 * width) of each word's phonemes, or zeros if it has none."""
    counts = member.sum(axis=1, keepdims=True)
    means = member.astype(hidden.dtype) @ hidden / xp.maximum(counts, 1)
    highest = xp.where(member[:, :, None], hidden[None], MASKED_SCORE).max(axis=1)
    return xp.concatenate([means, xp.where(counts > 0, highest, 0.0)], axis=1)


def _pool_reading(
    weights: Weights, hidden: Array, real: Array, spoken: Array, xp: Any
) -> tuple[Array, Array]:
    attention = _apply_linear(weights, "attention", hidden)[:, 0]
    shares = _compute_softmax(xp.where(real, attention, MASKED_SCORE), xp)
    return shares @ hidden, _average(hidden, spoken[:, None], xp)


def _summarize(phonemes: Array, spoken: Array, words: Array, present: Array, xp: Any) -> Array:
    """Return the mean and the lowest score of the phonemes and of the words."""
    lowest = (xp.where(mask, scores, 9.0).min() for scores, mask in ((phonemes, spoken), (words, present)))
    means = (_average(scores, mask, xp) for scores, mask in ((phonemes, spoken), (words, present)))
    ordered = [value for pair in zip(means, lowest, strict=True) for value in pair]
    return xp.stack(ordered) - 1.5


def _average(values: Array, mask: Array, xp: Any) -> Array:
    return xp.where(mask, values, 0.0).sum(axis=0) / xp.maximum(mask.sum(), 1)
