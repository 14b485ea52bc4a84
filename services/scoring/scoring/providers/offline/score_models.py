"""Turns an observation into scores: the mean of transformers and boosted trees, whose errors differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.providers.offline import transformer
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.observation import Observation, RawScores
from scoring.providers.offline.transformer import SCALE, Inputs, Weights
from scoring.providers.offline.tree_rows import build_phoneme_rows, build_reading_row, build_word_rows
from scoring.providers.offline.trees import Trees

OVERALL = ("accuracy", "fluency", "prosody", "total")


@dataclass(frozen=True)
class Transformer:
    weights: Weights
    layers: int

    def score(self, observed: Observation) -> RawScores:
        tokens, utterance = transformer.standardize(self.weights, observed.tokens, observed.utterance)
        segments = observed.segments
        inputs = Inputs(tokens, segments.phonemes, segments.words, utterance)
        outputs = transformer.run_transformer(
            self.weights, inputs, int(segments.words.max()) + 1, layers=self.layers
        )
        reading = outputs.reading[: len(OVERALL)]
        return RawScores(outputs.phonemes[segments.spoken], outputs.words[:, 0] * SCALE, reading * SCALE)


@dataclass(frozen=True)
class LinearModel:
    """Ridge regression on rows (features,). The coefficients include the standardisation."""

    coefficients: Floats
    intercept: Floats

    def predict(self, row: Floats) -> float:
        return float(row @ self.coefficients + self.intercept)


@dataclass(frozen=True)
class TreeChain:
    """Trees for phonemes and for words, and for each overall score trees and a linear model."""

    typical: Floats
    phonemes: Trees
    words: Trees
    overall: tuple[Trees, ...]
    linear: tuple[LinearModel, ...]

    def score(self, observed: Observation) -> RawScores:
        phonemes = self.phonemes.predict(build_phoneme_rows(observed, self.typical))
        words = self.words.predict(build_word_rows(observed, phonemes))
        row = build_reading_row(observed, phonemes, words)
        overall = [
            (trees.predict(row[None])[0] + linear.predict(row)) / 2
            for trees, linear in zip(self.overall, self.linear, strict=True)
        ]
        return RawScores(phonemes, words, np.array(overall, np.float32))


def blend(scores: Sequence[RawScores]) -> RawScores:
    """Return the mean of the scores of several models."""
    return RawScores(
        np.mean([score.phonemes for score in scores], axis=0),
        np.mean([score.words for score in scores], axis=0),
        np.mean([score.overall for score in scores], axis=0),
    )


@dataclass(frozen=True)
class ScoreModels:
    transformers: tuple[Transformer, ...]
    trees: TreeChain

    def score(self, observed: Observation) -> RawScores:
        return blend(
            [
                blend([transformer.score(observed) for transformer in self.transformers]),
                self.trees.score(observed),
            ]
        )
