"""The examples of the score models: observed readings and their target scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scoring.providers.offline.aligner import Alignment
from scoring.providers.offline.encoder import Encoding, Floats
from scoring.providers.offline.evidence import EvidenceReader
from scoring.providers.offline.listener import AlignedText, match, observe
from scoring.providers.offline.observation import Observation, RawScores
from scoring.providers.offline.phonemes import SYMBOLS
from scoring.providers.offline.transcript import Word, to_transcript
from scoring.providers.offline.utterance_features import VoiceSpace

COMPONENTS = 32
USUAL_DURATION = (1.0, 0.5)
WEIGHTS = {"genuine": 1.0, "degraded": 0.6, "single": 0.6}
DEFAULT_WEIGHT = 0.3

type Prediction = tuple[RawScores, RawScores]
"""Scores with the raters' pronunciations, and with the dictionary's."""


@dataclass(frozen=True)
class Targets:
    """`phonemes` are those of the rated pronunciations in order, 0-2 or NaN; words and `overall` (5,) are
    0-10.

    The last overall score is completeness. `word_details` (words, 2) are stress and total; only raters
    know them.
    """

    phonemes: Floats
    words: Floats
    overall: Floats
    word_details: Floats | None = None


@dataclass(frozen=True)
class Source:
    """A reading before it is described; `rated` has the raters' pronunciations, `spoken` the dictionary's."""

    speaker: str
    age: int
    kind: str
    targets: Targets
    rated: AlignedText
    spoken: AlignedText


@dataclass(frozen=True)
class Example:
    speaker: str
    age: int
    kind: str
    targets: Targets
    rated: Observation
    spoken: Observation

    @property
    def weight(self) -> float:
        return WEIGHTS.get(self.kind, DEFAULT_WEIGHT)


@dataclass(frozen=True)
class Matcher:
    """Aligns texts to encoded recordings."""

    reader: EvidenceReader
    log_priors: Floats

    def match(self, encoding: Encoding, log_posteriors: Floats, words: Sequence[Word]) -> AlignedText | None:
        wide = Encoding(encoding.inner.astype(np.float32), encoding.last.astype(np.float32), encoding.cuts)
        return match(self.reader, wide, log_posteriors, to_transcript(tuple(words)), self.log_priors)


def measure_durations(alignments: Sequence[Alignment]) -> Floats:
    """Return mean and deviation (40, 2) of the logarithms of each phoneme's frames."""
    phonemes = np.concatenate(
        [alignment.segments.phonemes[alignment.segments.spoken] for alignment in alignments]
    )
    lengths = np.log(
        np.concatenate([alignment.segments.frames[alignment.segments.spoken] for alignment in alignments])
    )
    durations = np.tile(np.array(USUAL_DURATION, np.float32), (len(SYMBOLS), 1))
    for phoneme in range(len(SYMBOLS)):
        phoneme_lengths = lengths[phonemes == phoneme]
        if len(phoneme_lengths) > 3:
            durations[phoneme] = phoneme_lengths.mean(), phoneme_lengths.std() + 0.1
    return durations


def fit_voices(pooled: Sequence[Floats]) -> VoiceSpace:
    """Fit whitened principal components to embeddings (2304,)."""
    rows = np.stack(pooled)
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + np.float32(1e-4)
    _, strengths, directions = np.linalg.svd((rows - mean) / scale, full_matrices=False)
    components = directions[:COMPONENTS].T / (strengths[:COMPONENTS] / np.sqrt(len(rows)))
    return VoiceSpace(mean, scale, components.astype(np.float32))


def to_example(source: Source, voices: VoiceSpace, durations: Floats) -> Example:
    rated = observe(source.rated, voices, durations)
    spoken = rated if source.spoken is source.rated else observe(source.spoken, voices, durations)
    return Example(source.speaker, source.age, source.kind, source.targets, rated, spoken)
