"""Fits the maps from scores to points on cross-validated predictions."""

from collections.abc import Sequence

import numpy as np
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.score_map import MAPPED_SCORES, ScoreMap, ScoreMaps
from scoring.providers.offline.score_models import OVERALL
from sklearn.isotonic import IsotonicRegression

from training.evaluation import pair_scores
from training.examples import Example, Prediction

SCALES = dict.fromkeys(MAPPED_SCORES, 10.0) | {"phonemes": 50.0}
"""Our points for one point of the raters."""
QUANTILES = np.linspace(0.01, 1, 33)
"""Below the first one there are too few readings; the map is a line to zero."""
LIFT_POINTS, LIFT_RAW = 4.0, (7.0, 8.2)
"""Raters seldom give a whole reading more than 9, and the models predict even less. Without the lift, native
speakers would get about 81 points; it adds .5 points of mean absolute error.
"""


def fit_maps(examples: Sequence[Example], predictions: Sequence[Prediction]) -> ScoreMaps:
    measured = pair_scores(examples, predictions)
    return {
        name: fit_map(
            *np.concatenate(scores.pairs).T, scale=SCALES[name], lift=LIFT_POINTS if name in OVERALL else 0.0
        )
        for name, scores in zip(MAPPED_SCORES, measured, strict=True)
    }


def fit_map(raw: Floats, human: Floats, *, scale: float, lift: float) -> ScoreMap:
    """Fit an isotonic regression (Barlow 1972) through zero, and add the lift."""
    quantiles = np.unique(np.quantile(raw, QUANTILES))
    knots = np.append(0.0, quantiles[quantiles > 0])
    expected = IsotonicRegression(out_of_bounds="clip").fit(raw, human).predict(knots) * scale
    expected[0] = 0
    points = np.clip(expected + lift * np.interp(knots, LIFT_RAW, (0, 1)), 0, 100)
    return ScoreMap(knots.astype(np.float32), points.astype(np.float32))
