"""Maps raw scores to 0-100, because models rarely predict the ends of the raters' scale."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.score_models import OVERALL

MAPPED_SCORES = ("phonemes", "words", *OVERALL)


@dataclass(frozen=True)
class ScoreMap:
    """Lines through the knots (`raw`, `points`), which both increase. Constant outside of them."""

    raw: Floats
    points: Floats

    def apply(self, scores: Floats) -> Floats:
        mapped: Floats = np.interp(scores, self.raw, self.points)
        return mapped


type ScoreMaps = Mapping[str, ScoreMap]
