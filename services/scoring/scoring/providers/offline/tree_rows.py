"""Builds the rows of the boosted trees for phonemes, words and readings. The rows of words contain the scores
of phonemes, and those of readings the scores of both.
"""

import numpy as np
from numpy.typing import NDArray

from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.observation import Observation
from scoring.providers.offline.phone_features import DURATION, EVIDENCE, GOP_NAMES
from scoring.providers.offline.phonemes import IS_VOWEL

BEST_PHONEME_SCORE = 2.0
LOW_PHONEME_SCORE, LOW_WORD_SCORE = 1.5, 8.0


def _list_columns(*names: str) -> list[int]:
    return [GOP_NAMES.index(name) for name in names]


QUALITY = _list_columns("mean", "margin", "probability")
LEVEL = _list_columns("mean", "margin", "probability", "entropy")
WORD_MEANS = _list_columns(
    "mean", "margin", "probability", "gap", "best_margin", "silence", "entropy", "log_probability"
)
LOWEST = _list_columns("mean", "margin", "probability", "gap")
READING_MEANS = _list_columns(
    "mean", "margin", "probability", "gap", "best_margin", "entropy", "log_probability"
)
MARGIN, FRAMES = GOP_NAMES.index("margin"), GOP_NAMES.index("frames")


def build_phoneme_rows(observed: Observation, typical: Floats) -> Floats:
    """Return a row for each phoneme. `typical` (40,) are the mean scores of phonemes: their difficulty."""
    segments, tokens = observed.segments, observed.tokens
    indices = np.flatnonzero(segments.spoken)
    phoneme_tokens = tokens[indices]
    means = phoneme_tokens.mean(axis=0)
    lengths = np.bincount(segments.words[indices])
    count = len(indices)
    hardness = typical[segments.phonemes]
    columns = [
        hardness[indices],
        segments.phonemes[indices],
        phoneme_tokens[:, : EVIDENCE.stop],
        phoneme_tokens[:, QUALITY] - means[QUALITY],
        np.tile(means[LEVEL], (count, 1)),
        phoneme_tokens[:, DURATION] - means[DURATION],
        lengths[segments.words[indices]],
        *_describe_neighbor(observed, indices, -1, hardness),
        *_describe_neighbor(observed, indices, +1, hardness),
    ]
    return np.column_stack(columns).astype(np.float32)


def _describe_neighbor(
    observed: Observation, indices: NDArray[np.intp], step: int, hardness: Floats
) -> list[NDArray[np.generic]]:
    """Return the quality of the segment before or after, and whether it is a pause."""
    last = len(observed.tokens) - 1
    exists = (indices + step >= 0) & (indices + step <= last)
    near = np.clip(indices + step, 0, last)
    quality = observed.tokens[near][:, QUALITY] * exists[:, None]
    return [hardness[near] * exists, quality, ~observed.segments.spoken[near]]


def build_word_rows(observed: Observation, phonemes: Floats) -> Floats:
    """Return a row for each word. `phonemes` are the scores of all phonemes."""
    words = observed.segments.words[observed.segments.spoken]
    count = int(words.max()) + 1
    rows = [
        _build_word_row(observed, phonemes, np.flatnonzero(words == word), word / count)
        for word in range(count)
    ]
    return np.column_stack([np.array(rows), np.full(count, count)]).astype(np.float32)


def _build_word_row(
    observed: Observation, phonemes: Floats, members: NDArray[np.intp], position: float
) -> list[float]:
    segments = observed.segments
    spoken = np.flatnonzero(segments.spoken)[members]
    word_tokens, scores = observed.tokens[spoken], phonemes[members]
    vowels = IS_VOWEL[segments.phonemes[spoken]]
    return [
        scores.mean(),
        scores.min(),
        np.sort(scores)[:2].mean(),
        scores.std(),
        len(members),
        phonemes.mean(),
        phonemes.min(),
        phonemes.mean() - scores.mean(),
        scores[vowels].min(initial=BEST_PHONEME_SCORE),
        *word_tokens[:, WORD_MEANS].mean(axis=0),
        *word_tokens[:, LOWEST].min(axis=0),
        word_tokens[:, FRAMES].sum(),
        word_tokens[:, DURATION].mean(),
        word_tokens[:, DURATION].max(),
        word_tokens[:, DURATION].min(),
        _measure_pause(observed, int(spoken[0]) - 1),
        _measure_pause(observed, int(spoken[-1]) + 1),
        position,
        *word_tokens[0, EVIDENCE],
    ]


def _measure_pause(observed: Observation, index: int) -> float:
    """Return the frames of the pause at a segment's place, if there is one."""
    segments = observed.segments
    if not 0 <= index < len(segments) or segments.words[index] >= 0:
        return 0.0
    return float(segments.frames[index])


def build_reading_row(observed: Observation, phonemes: Floats, words: Floats) -> Floats:
    segments = observed.segments
    spoken_tokens = observed.tokens[segments.spoken]
    vowels = IS_VOWEL[segments.phonemes[segments.spoken]]
    margins = [spoken_tokens[mask, MARGIN].mean() if mask.any() else 0.0 for mask in (vowels, ~vowels)]
    return np.array(
        [
            phonemes.mean(),
            phonemes.min(),
            *np.percentile(phonemes, (10, 25)),
            phonemes.std(),
            (phonemes < LOW_PHONEME_SCORE).mean(),
            words.mean(),
            words.min(),
            np.sort(words)[:2].mean(),
            words.std(),
            (words < LOW_WORD_SCORE).mean(),
            *spoken_tokens[:, READING_MEANS].mean(axis=0),
            *np.percentile(spoken_tokens[:, LOWEST], 10, axis=0),
            *spoken_tokens[:, QUALITY].std(axis=0),
            *margins,
            *observed.utterance,
        ],
        np.float32,
    )
