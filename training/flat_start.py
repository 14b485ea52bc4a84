"""Labels the frames of a corpus with phonemes from nothing but texts: a flat start, as recognisers are
trained.

Each text is laid evenly over the loud part of its recording. One Gaussian a phoneme, with one covariance
for all, is fitted to the frames and aligns the texts again, a few times.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scoring.providers.offline.aligner import Segments, align
from scoring.providers.offline.decoder import log_softmax
from scoring.providers.offline.encoder import SAMPLES_PER_FRAME, Floats
from scoring.providers.offline.phonemes import SILENCE, SYMBOLS
from scoring.providers.offline.transcript import Word, to_transcript

PHONEMES = len(SYMBOLS)
ROUNDS = 6
QUIET_DECIBELS = -30.0
UNKNOWN = -1
RIDGE = 1e-3
MIN_FRAMES = 10

type Labels = NDArray[np.int64]


def spread_evenly(samples: Floats, frames: int, words: Sequence[Word]) -> Labels:
    """Return a label for each frame: silence outside the loud part, inside it all phonemes equally long."""
    count = min(frames, max(1, len(samples) // SAMPLES_PER_FRAME))
    energy = (samples[: count * SAMPLES_PER_FRAME].reshape(count, -1) ** 2).mean(axis=1)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (QUIET_DECIBELS / 10))
    labels = np.full(frames, SILENCE)
    phonemes = [phoneme for word in words for phoneme in word.pronunciations[0]]
    inside = np.arange(loud[0], loud[-1] + 1)
    labels[inside] = np.array(phonemes)[np.arange(len(inside)) * len(phonemes) // len(inside)]
    return labels


def label_frames(
    encoded: Sequence[Floats], texts: Sequence[tuple[Word, ...]], first: Sequence[Labels]
) -> list[Labels]:
    """Return the labels after the last round."""
    labels = list(first)
    moments = _moments(encoded)
    for _ in range(ROUNDS):
        weights, bias, log_priors = _fit(encoded, labels, moments)
        for place, (frames, words) in enumerate(zip(encoded, texts, strict=True)):
            found = align(log_softmax(frames @ weights + bias), to_transcript(words), log_priors)
            if found is not None:
                labels[place] = to_labels(found.segments)
    return labels


def to_labels(segments: Segments) -> Labels:
    return np.repeat(segments.phonemes, segments.frames)


def log_frequencies(labels: Sequence[Labels]) -> Floats:
    counts = np.bincount(np.concatenate(labels)[np.concatenate(labels) >= 0], minlength=PHONEMES) + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)


def _moments(encoded: Sequence[Floats]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return the sum of the frames, of their products, and their number."""
    width = encoded[0].shape[1]
    total, products, count = np.zeros(width), np.zeros((width, width)), 0
    for frames in encoded:
        wide = frames.astype(np.float32)
        total, products, count = total + wide.sum(axis=0), products + wide.T @ wide, count + len(wide)
    return total, products, count


def _fit(
    encoded: Sequence[Floats],
    labels: Sequence[Labels],
    moments: tuple[NDArray[np.float64], NDArray[np.float64], int],
) -> tuple[Floats, Floats, Floats]:
    """Return the weights (width, 40) and bias (40,) of the linear discriminant, and the log priors."""
    total, products, count = moments
    sums, counts = np.zeros((PHONEMES, len(total))), np.zeros(PHONEMES)
    for frames, own in zip(encoded, labels, strict=True):
        onehot = np.eye(PHONEMES, dtype=np.float32)[own]
        sums, counts = sums + onehot.T @ frames.astype(np.float32), counts + onehot.sum(axis=0)
    means = (sums + MIN_FRAMES * total / count) / (counts + MIN_FRAMES)[:, None]
    within = (products - (means * counts[:, None]).T @ means) / count
    within += RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    weights = np.linalg.solve(within, means.T)
    log_priors = np.log((counts + 1) / (counts + 1).sum())
    bias = log_priors - 0.5 * (means.T * weights).sum(axis=0)
    return weights.astype(np.float32), bias.astype(np.float32), log_priors.astype(np.float32)
