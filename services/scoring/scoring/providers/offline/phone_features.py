"""Describes each aligned phoneme and pause by 61 numbers.

The first ones are goodness-of-pronunciation scores (Witt and Young 2000, doi:10.1016/S0167-6393(99)00044-8)
of the phone head's posteriors. Probabilities are natural logarithms, and durations are frames of 24 ms.
"""

import numpy as np

from scoring.providers.offline.aligner import Segments
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.evidence import Evidence
from scoring.providers.offline.phonemes import SILENCE

LOWEST_LOG_POSTERIOR, LOWEST_EVIDENCE = -12.0, -15.0
IMPOSSIBLE = -99.0
TINY = 1e-5

GOP_NAMES = [
    "mean",
    "margin",
    "probability",
    "highest",
    "lowest",
    "highest_nearby",
    "gap",
    "best_margin",
    "silence",
    "entropy",
    "frames",
    "log_frames",
    "log_probability",
    "log_best",
    "is_best",
    "position",
]
DURATION = len(GOP_NAMES)
"""The column of the duration's z-score. The posteriors (40) and the evidence of the word (4) follow it."""
POSTERIORS = slice(DURATION + 1, DURATION + 41)
EVIDENCE = slice(DURATION + 41, DURATION + 45)
WIDTH = EVIDENCE.stop


def describe_segments(
    log_posteriors: Floats, segments: Segments, evidence: Evidence, durations: Floats
) -> Floats:
    """Return (segments, WIDTH). `durations` (40, 2) are mean and deviation of each phoneme's log frames."""
    means = _average_frames(log_posteriors, segments)
    rows = np.zeros((len(segments), WIDTH), np.float32)
    rows[:, :DURATION] = _compute_gop(log_posteriors, segments, means)
    rows[:, DURATION] = score_durations(segments, durations)
    rows[:, POSTERIORS] = np.maximum(means, LOWEST_LOG_POSTERIOR)
    words = evidence.words[segments.words[segments.spoken]]
    words[:, :3] = np.maximum(words[:, :3], LOWEST_EVIDENCE)
    rows[segments.spoken, EVIDENCE] = words
    return rows


def score_durations(segments: Segments, durations: Floats) -> Floats:
    """Return the z-score of each segment's duration."""
    expected = durations[segments.phonemes]
    scores: Floats = (np.log(segments.frames) - expected[:, 0]) / expected[:, 1]
    return scores


def _compute_gop(log_posteriors: Floats, segments: Segments, means: Floats) -> Floats:
    posteriors = np.exp(log_posteriors)
    shares = _average_frames(posteriors, segments)
    indices = np.arange(len(segments))
    labels = np.repeat(segments.phonemes, segments.frames)
    target_posteriors = log_posteriors[np.arange(len(labels)), labels]
    target_share, target_mean = shares[indices, segments.phonemes], means[indices, segments.phonemes]
    columns = {
        "mean": target_mean,
        "margin": target_mean - _find_best_other(means, segments.phonemes),
        "probability": target_share,
        "highest": np.maximum.reduceat(target_posteriors, segments.starts),
        "lowest": np.minimum.reduceat(target_posteriors, segments.starts),
        "highest_nearby": _find_highest_nearby(log_posteriors, segments),
        "gap": _average_frames(target_posteriors - log_posteriors.max(axis=1), segments),
        "best_margin": np.maximum.reduceat(
            target_posteriors - _find_best_other(log_posteriors, labels), segments.starts
        ),
        "silence": shares[:, SILENCE],
        "entropy": _average_frames(-(posteriors * log_posteriors).sum(axis=1), segments),
        "frames": segments.frames,
        "log_frames": np.log(segments.frames),
        "log_probability": np.log(target_share + TINY),
        "log_best": np.log(shares[:, SILENCE + 1 :].max(axis=1) + TINY),
        "is_best": shares[:, SILENCE + 1 :].argmax(axis=1) + 1 == segments.phonemes,
        "position": segments.positions,
    }
    return np.column_stack([columns[name] for name in GOP_NAMES]).astype(np.float32)


def _average_frames(values: Floats, segments: Segments) -> Floats:
    """Return the means over the frames of each segment."""
    sums = np.add.reduceat(values, segments.starts, axis=0)
    means: Floats = (sums.T / segments.frames).T
    return means


def _find_best_other(values: Floats, target_phonemes: np.ndarray) -> Floats:
    """Return the highest value of each row, except those of its own phoneme and of silence."""
    others = values.copy()
    others[np.arange(len(others)), target_phonemes] = IMPOSSIBLE
    best: Floats = others[:, SILENCE + 1 :].max(axis=1)
    return best


def _find_highest_nearby(log_posteriors: Floats, segments: Segments) -> Floats:
    """Return each segment's highest log posterior, from one frame before it to one frame after it."""
    last = len(log_posteriors)
    spans = zip(segments.phonemes, segments.starts, segments.ends, strict=True)
    return np.array(
        [
            log_posteriors[max(0, start - 1) : min(last, end + 1), phoneme].max()
            for phoneme, start, end in spans
        ]
    )
