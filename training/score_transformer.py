"""Trains the transformers: the forward pass is the service's own, run by JAX on padded batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scoring.providers.offline.observation import Observation
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.score_models import Transformer
from scoring.providers.offline.transformer import (
    MAX_POSITIONS,
    PADDING,
    SCALE,
    Inputs,
    run_transformer,
    standardize,
)

from training.examples import Example

BATCH, EPOCHS = 25, 12
MAX_RATE, WEIGHT_DECAY = 2e-3, 0.02
NOISE = 0.05
DICTIONARY_SHARE = 0.3
"""The share of batches with the dictionary's pronunciations, which the service uses."""
LENGTHS = (24, 40, 64, 112, 192)
"""Batches are padded to one of these lengths, so that few shapes are compiled."""
WORDS_PER_TOKEN = 0.5
OVERALL_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 0.1)
WORD_HIDDEN, READING_HIDDEN, READING_SCORES = 32, 48, 5
WORD_SCORES = 3
"""Accuracy, stress and total. The last two are used only in training, and improve the shared layers."""


@dataclass(frozen=True)
class Shape:
    width: int
    layers: int
    wide: int
    seed: int


SHAPES = (Shape(40, 2, 80, 0), Shape(32, 3, 64, 1), Shape(40, 2, 80, 2), Shape(32, 3, 64, 3))

type Parameters = dict[str, Any]


def train_transformer(examples: Sequence[Example], shape: Shape, *, epochs: int = EPOCHS) -> Transformer:
    random = np.random.default_rng(shape.seed)
    scaling = _measure_scaling([example for example in examples if example.kind == "genuine"])
    parameters = _initialize(random, shape, examples[0])
    buckets = _group_by_length(examples)
    steps = epochs * sum(-(-len(bucket) // BATCH) for bucket in buckets.values())
    schedule = optax.cosine_onecycle_schedule(steps + 1, MAX_RATE, 0.15)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=WEIGHT_DECAY))
    state, key = optimizer.init(parameters), jax.random.key(shape.seed)
    step = jax.jit(partial(_train_step, optimizer, shape.layers), static_argnames="words")
    for _ in range(epochs):
        for length, batch in _shuffle_batches(buckets, random):
            arrays = _collate(batch, length, scaling, spoken=random.random() < DICTIONARY_SHARE)
            key, subkey = jax.random.split(key)
            parameters, state = step(parameters, state, arrays, subkey, words=int(length * WORDS_PER_TOKEN))
    return Transformer(
        {name: np.asarray(values) for name, values in parameters.items()} | scaling, shape.layers
    )


def _measure_scaling(examples: Sequence[Example]) -> Parameters:
    tokens = np.concatenate([example.rated.tokens for example in examples])
    utterances = np.stack([example.rated.utterance for example in examples])
    return {
        "token_mean": tokens.mean(axis=0),
        "token_scale": tokens.std(axis=0) + np.float32(1e-3),
        "utterance_mean": utterances.mean(axis=0),
        "utterance_scale": utterances.std(axis=0) + np.float32(1e-3),
    }


def _initialize(random: np.random.Generator, shape: Shape, example: Example) -> Parameters:
    width = shape.width
    parameters = {
        "phoneme": random.normal(0, 0.3, (len(SYMBOLS), width)),
        "position": random.normal(0, 0.02, (MAX_POSITIONS, width)),
    }
    for name, size in _list_linear(shape, example).items():
        parameters[f"{name}.weight"] = random.uniform(-1, 1, size) * size[0] ** -0.5
        parameters[f"{name}.bias"] = np.zeros(size[1])
    inner = (f"layer{layer}.{name}" for layer in range(shape.layers) for name in ("before", "between"))
    for name in ("final", *inner):
        parameters |= {f"{name}.scale": np.ones(width), f"{name}.shift": np.zeros(width)}
    return {name: jnp.asarray(values, jnp.float32) for name, values in parameters.items()}


def _list_linear(shape: Shape, example: Example) -> dict[str, tuple[int, int]]:
    """Return the numbers of inputs and outputs of the linear layers, by name."""
    width, utterance_width = shape.width, len(example.rated.utterance)
    linear = {
        "input": (example.rated.tokens.shape[1], width),
        "attention": (width, 1),
        "phonemes.hidden": (width, WORD_HIDDEN),
        "phonemes.output": (WORD_HIDDEN, 1),
        "words.hidden": (2 * width, WORD_HIDDEN),
        "words.output": (WORD_HIDDEN, WORD_SCORES),
        "reading.hidden": (2 * width + utterance_width + 4, READING_HIDDEN),
        "reading.output": (READING_HIDDEN, READING_SCORES),
    }
    for layer in range(shape.layers):
        linear |= {
            f"layer{layer}.attention": (width, 3 * width),
            f"layer{layer}.joined": (width, width),
            f"layer{layer}.wide": (width, shape.wide),
            f"layer{layer}.narrow": (shape.wide, width),
        }
    return linear


def _group_by_length(examples: Sequence[Example]) -> dict[int, list[Example]]:
    buckets: dict[int, list[Example]] = {}
    for example in examples:
        size = max(len(example.rated.tokens), len(example.spoken.tokens))
        length = next(length for length in LENGTHS if length >= size)
        buckets.setdefault(length, []).append(example)
    return buckets


def _shuffle_batches(
    buckets: dict[int, list[Example]], random: np.random.Generator
) -> Iterator[tuple[int, list[Example]]]:
    batches = []
    for length, members in sorted(buckets.items()):
        order = random.permutation(len(members))
        starts = range(0, len(order), BATCH)
        batches += [(length, [members[index] for index in order[start : start + BATCH]]) for start in starts]
    yield from (batches[index] for index in random.permutation(len(batches)))


def _collate(batch: Sequence[Example], length: int, scaling: Parameters, *, spoken: bool) -> Parameters:
    """Return padded arrays of BATCH readings; missing readings have weight 0."""
    arrays = _create_batch(batch[0].rated, length)
    for index, example in enumerate(batch):
        observed, targets = example.spoken if spoken else example.rated, example.targets
        size = len(observed.tokens)
        tokens, utterance = standardize(scaling, observed.tokens, observed.utterance)
        arrays["tokens"][index, :size], arrays["utterance"][index] = tokens, utterance
        arrays["phonemes"][index, :size] = observed.segments.phonemes
        arrays["words"][index, :size] = observed.segments.words
        if observed is example.rated:
            arrays["phoneme_scores"][index, :size][observed.segments.spoken] = targets.phonemes
        arrays["word_scores"][index, : len(targets.words), 0] = targets.words / SCALE
        if targets.word_details is not None:
            arrays["word_scores"][index, : len(targets.words), 1:] = targets.word_details / SCALE
        arrays["overall"][index], arrays["weights"][index] = targets.overall / SCALE, example.weight
    return arrays


def _create_batch(template: Observation, length: int) -> dict[str, np.ndarray]:
    return {
        "tokens": np.zeros((BATCH, length, template.tokens.shape[1]), np.float32),
        "phonemes": np.zeros((BATCH, length), np.int32),
        "words": np.full((BATCH, length), PADDING, np.int32),
        "utterance": np.zeros((BATCH, len(template.utterance)), np.float32),
        "phoneme_scores": np.full((BATCH, length), np.nan, np.float32),
        "word_scores": np.full((BATCH, int(length * WORDS_PER_TOKEN), WORD_SCORES), np.nan, np.float32),
        "overall": np.zeros((BATCH, READING_SCORES), np.float32),
        "weights": np.zeros(BATCH, np.float32),
    }


def _train_step(
    optimizer: Any,
    layers: int,
    parameters: Parameters,
    state: Any,
    arrays: Parameters,
    key: Any,
    *,
    words: int,
) -> Any:
    gradients = jax.grad(_compute_loss)(parameters, arrays, key, layers, words)
    updates, state = optimizer.update(gradients, state, parameters)
    return optax.apply_updates(parameters, updates), state


def _compute_loss(parameters: Parameters, arrays: Parameters, key: Any, layers: int, words: int) -> jax.Array:
    noise_key, key = jax.random.split(key)
    tokens = arrays["tokens"] + NOISE * jax.random.normal(noise_key, arrays["tokens"].shape)
    inputs = Inputs(tokens, arrays["phonemes"], arrays["words"], arrays["utterance"])

    def run(example_inputs: Inputs, own_key: Any) -> Any:
        return run_transformer(
            parameters, example_inputs, words, layers=layers, xp=jnp, drop=_Dropout(own_key)
        )

    outputs = jax.vmap(run)(inputs, jax.random.split(key, BATCH))
    weights = arrays["weights"]
    overall = (outputs.reading - arrays["overall"]) ** 2 * jnp.array(OVERALL_WEIGHTS)
    reading = (overall.mean(axis=1) * jnp.sqrt(weights)).sum() / jnp.maximum((weights > 0).sum(), 1)
    phonemes = _compute_squared_error(outputs.phonemes, arrays["phoneme_scores"], weights)
    spoken = _compute_squared_error(outputs.words, arrays["word_scores"], weights)
    loss: jax.Array = 4 * phonemes + 2 * spoken + 2 * reading
    return loss


def _compute_squared_error(predicted: jax.Array, targets: jax.Array, weights: jax.Array) -> jax.Array:
    share = weights.reshape(-1, *[1] * (targets.ndim - 1)) * ~jnp.isnan(targets)
    errors = (predicted - jnp.nan_to_num(targets)) ** 2
    return (errors * share).sum() / jnp.maximum(share.sum(), 1.0)


class _Dropout:
    """Dropout with a new key for each place in the network."""

    def __init__(self, key: Any) -> None:
        self._key, self._places = key, 0

    def __call__(self, values: Any, rate: float) -> Any:
        self._places += 1
        mask = jax.random.bernoulli(jax.random.fold_in(self._key, self._places), 1 - rate, values.shape)
        return jnp.where(mask, values / (1 - rate), 0.0)
