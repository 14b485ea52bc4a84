"""Trains the phone head on labelled frames."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.phone_head import PhoneHead

from training.first_labels import PHONEMES, UNKNOWN, Labels

HIDDEN, MIXED = 256, 160
WINDOW_FRAMES, BATCH_WINDOWS = 24, 32
MAX_RATE, WEIGHT_DECAY, SMOOTHING = 3e-3, 0.02, 0.05
SILENCE_WEIGHT = 0.3
EPOCHS = 6

type Parameters = dict[str, jax.Array]


def train_head(
    encoded: Sequence[Floats], labels: Sequence[Labels], *, seed: int, epochs: int = EPOCHS
) -> PhoneHead:
    """Train on the frames (frames, 864) of each utterance. Frames labelled UNKNOWN are ignored."""
    mean, scale = _measure_scaling(encoded)
    random = np.random.default_rng(seed)
    parameters = _initialize(random, len(mean))
    steps = epochs * len(list(_list_windows(encoded, random))) // BATCH_WINDOWS
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(
            optax.cosine_onecycle_schedule(steps + epochs, MAX_RATE, 0.15), weight_decay=WEIGHT_DECAY
        ),
    )
    state, key = optimizer.init(parameters), jax.random.key(seed)
    step = jax.jit(partial(_train_step, optimizer))
    for _ in range(epochs):
        windows = list(_list_windows(encoded, random))
        for batch in _shuffle_batches(windows, random):
            frames, targets = _cut_windows(encoded, labels, batch)
            key, subkey = jax.random.split(key)
            parameters, state = step(parameters, state, (frames - mean) / scale, targets, subkey)
    return _fold_scaling(parameters, mean, scale)


def _measure_scaling(encoded: Sequence[Floats]) -> tuple[Floats, Floats]:
    sample = np.concatenate([frames[::37] for frames in encoded]).astype(np.float32)
    return sample.mean(axis=0), sample.std(axis=0) + np.float32(1e-3)


def _initialize(random: np.random.Generator, width: int) -> Parameters:
    def draw_uniform(*shape: int) -> jax.Array:
        bound = np.prod(shape[:-1]) ** -0.5
        return jnp.asarray(random.uniform(-bound, bound, shape), jnp.float32)

    weights = {
        "input": draw_uniform(width, HIDDEN),
        "context": draw_uniform(3, HIDDEN, MIXED),
        "output": draw_uniform(MIXED, PHONEMES),
    }
    return weights | {f"{name}_bias": jnp.zeros(weight.shape[-1]) for name, weight in weights.items()}


def _list_windows(encoded: Sequence[Floats], random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield the utterance and first frame of consecutive windows with a random offset."""
    for number, frames in enumerate(encoded):
        first = -int(random.integers(0, WINDOW_FRAMES))
        yield from ((number, start) for start in range(first, len(frames), WINDOW_FRAMES))


def _shuffle_batches(
    windows: list[tuple[int, int]], random: np.random.Generator
) -> Iterator[list[tuple[int, int]]]:
    order = random.permutation(len(windows))
    for start in range(0, len(order) - BATCH_WINDOWS + 1, BATCH_WINDOWS):
        yield [windows[index] for index in order[start : start + BATCH_WINDOWS]]


def _cut_windows(
    encoded: Sequence[Floats], labels: Sequence[Labels], windows: list[tuple[int, int]]
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the frames (windows, WINDOW_FRAMES + 2, 864), with one more on each side, and the labels."""
    frames, targets = [], []
    for number, start in windows:
        indices = np.arange(start - 1, start + WINDOW_FRAMES + 1)
        last = len(encoded[number]) - 1
        frames.append(encoded[number][np.clip(indices, 0, last)])
        inside = indices[1:-1]
        window_labels = labels[number][np.clip(inside, 0, last)]
        targets.append(np.where((inside >= 0) & (inside <= last), window_labels, UNKNOWN))
    return np.stack(frames).astype(np.float32), np.stack(targets)


def _train_step(
    optimizer: Any, parameters: Parameters, state: Any, frames: Any, targets: Any, key: Any
) -> Any:
    gradients = jax.grad(_compute_loss)(parameters, frames, targets, key)
    updates, state = optimizer.update(gradients, state, parameters)
    return optax.apply_updates(parameters, updates), state


def _compute_loss(parameters: Parameters, frames: jax.Array, targets: jax.Array, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 3)
    hidden = jax.nn.relu(_drop_out(frames, 0.1, keys[0]) @ parameters["input"] + parameters["input_bias"])
    hidden = _drop_out(hidden, 0.2, keys[1])
    mixed = sum(hidden[:, shift : shift + WINDOW_FRAMES] @ parameters["context"][shift] for shift in range(3))
    mixed = _drop_out(jax.nn.relu(mixed + parameters["context_bias"]), 0.2, keys[2])
    logits = mixed @ parameters["output"] + parameters["output_bias"]
    smoothed = optax.smooth_labels(jax.nn.one_hot(targets, PHONEMES), SMOOTHING)
    losses = optax.softmax_cross_entropy(logits, smoothed)
    weights = jnp.where(targets == 0, SILENCE_WEIGHT, 1.0) * (targets >= 0)
    loss: jax.Array = (losses * weights).sum() / jnp.maximum(weights.sum(), 1.0)
    return loss


def _drop_out(values: jax.Array, rate: float, key: jax.Array) -> jax.Array:
    return jnp.where(jax.random.bernoulli(key, 1 - rate, values.shape), values / (1 - rate), 0.0)


def _fold_scaling(parameters: Parameters, mean: Floats, scale: Floats) -> PhoneHead:
    """Fold the standardisation of the inputs into the first weights."""
    arrays = {name: np.asarray(values) for name, values in parameters.items()}
    first = arrays["input"] / scale[:, None]
    return PhoneHead(**arrays | {"input": first, "input_bias": arrays["input_bias"] - mean @ first})
