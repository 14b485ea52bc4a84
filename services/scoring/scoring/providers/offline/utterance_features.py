"""Describes a whole reading by 60 numbers: an embedding of the voice, tempo and pauses, and the decoder's
evidence.

Length, level and surrounding silence are excluded, because in the corpus they reveal who recorded a reading.
"""

from dataclasses import dataclass

import numpy as np

from scoring.providers.offline.aligner import Alignment, Segments
from scoring.providers.offline.encoder import SECONDS_PER_FRAME, Encoding, Floats
from scoring.providers.offline.evidence import Evidence
from scoring.providers.offline.phone_features import GOP_NAMES, score_durations
from scoring.providers.offline.phonemes import IS_VOWEL

LOWEST_EVIDENCE = -20.0
MAX_DEVIATION = 8.0
MIN_PAUSE_SECONDS = 0.08
FINAL_PHONEMES = 3


@dataclass(frozen=True)
class VoiceSpace:
    """Principal components of the pooled embedding: mean and scale (2304,), components (2304, 32)."""

    mean: Floats
    scale: Floats
    components: Floats

    def project(self, pooled: Floats) -> Floats:
        centered = np.clip((pooled - self.mean) / self.scale, -MAX_DEVIATION, MAX_DEVIATION)
        projected: Floats = centered @ self.components
        return projected


def pool_frames(encoding: Encoding, segments: Segments) -> Floats:
    """Return the mean and deviation (2304,) of the frames from the first phoneme to the last one."""
    start, end = _find_span(segments)
    frames = np.concatenate([encoding.inner[start:end], encoding.last[start:end]], axis=1)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def describe_utterance(
    pooled: Floats, alignment: Alignment, tokens: Floats, evidence: Evidence, durations: Floats
) -> Floats:
    """Return (60,). `pooled` (32,) is a projection, and `tokens` are the rows of the segments."""
    tempo = _measure_tempo(alignment, tokens[alignment.segments.spoken], durations)
    numbers = np.concatenate([pooled, tempo, np.maximum(evidence.text, LOWEST_EVIDENCE)])
    described: Floats = np.nan_to_num(numbers).astype(np.float32)
    return described


def _find_span(segments: Segments) -> tuple[int, int]:
    spoken = np.flatnonzero(segments.spoken)
    return int(segments.starts[spoken[0]]), int(segments.ends[spoken[-1]])


def _measure_tempo(alignment: Alignment, tokens: Floats, durations: Floats) -> list[float]:
    """Return 23 numbers for tempo, pauses and durations, in seconds or per second."""
    segments, words = alignment.segments, len(alignment.words)
    spoken = segments.spoken
    start, end = _find_span(segments)
    span = (end - start) * SECONDS_PER_FRAME
    seconds = segments.frames * SECONDS_PER_FRAME
    is_vowel = IS_VOWEL[segments.phonemes[spoken]]
    inside = ~spoken & (segments.starts >= start) & (segments.ends <= end)
    pauses = seconds[inside] if inside.any() else np.zeros(1)
    spoken_seconds = seconds[spoken]
    vowels = spoken_seconds[is_vowel] if is_vowel.any() else spoken_seconds
    lengths = score_durations(segments, durations)[spoken]
    silence = tokens[:, GOP_NAMES.index("silence")]
    return [
        len(spoken_seconds) / span,
        words / span,
        len(spoken_seconds) / spoken_seconds.sum(),
        is_vowel.sum() / span,
        *_describe_pauses(pauses, span, words),
        lengths.mean(),
        lengths.std(),
        *np.percentile(lengths, (90, 10)),
        vowels.std() / vowels.mean(),
        spoken_seconds.std() / spoken_seconds.mean(),
        _measure_variability(vowels),
        silence.mean(),
        lengths[-FINAL_PHONEMES:].mean(),
        pauses[pauses > MIN_PAUSE_SECONDS].mean() if (pauses > MIN_PAUSE_SECONDS).any() else 0.0,
        silence.max(),
        tokens[:, GOP_NAMES.index("mean")].mean(),
        alignment.score,
    ]


def _describe_pauses(pauses: np.ndarray, span: float, words: int) -> list[float]:
    longer = [(pauses > seconds).sum() / words for seconds in (0.15, 0.3, 0.6)]
    return [pauses.sum() / span, pauses.max(), *longer, pauses.sum() / words]


def _measure_variability(vowels: np.ndarray) -> float:
    """Return the normalised pairwise variability index (Grabe and Low 2002): high in stress-timed speech."""
    if len(vowels) < 2:
        return 0.0
    return float((np.abs(np.diff(vowels)) / ((vowels[1:] + vowels[:-1]) / 2)).mean())
