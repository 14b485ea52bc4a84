"""Fits the maps to points on predictions for speakers that the models never saw."""

from collections.abc import Sequence

import numpy as np
from scoring.providers.offline.encoder import Floats
from scoring.providers.offline.score_map import MAPPED, ScoreMap, ScoreMaps
from sklearn.isotonic import IsotonicRegression

from training.evaluation import measure
from training.examples import Example
from training.models import Prediction

SCALES = dict.fromkeys(MAPPED, 10.0) | {"phonemes": 50.0}
"""Points for one point of the raters."""
QUANTILES = np.linspace(0, 1, 33)
EQUIPERCENTILE_SHARE = 0.5
"""Equal ranks restore the spread of the raters' scores, the conditional mean has the smallest error."""


def fit_maps(examples: Sequence[Example], predictions: Sequence[Prediction]) -> ScoreMaps:
    measured = measure(examples, predictions)
    return {
        name: fit_map(*np.concatenate(each.pairs).T, scale=SCALES[name])
        for name, each in zip(MAPPED, measured, strict=True)
    }


def fit_map(raw: Floats, human: Floats, *, scale: float) -> ScoreMap:
    """Return the mean of the map between equal ranks and of the isotonic regression (Barlow 1972)."""
    knots = np.unique(np.quantile(raw, QUANTILES))
    ranked = np.quantile(human, np.searchsorted(np.sort(raw), knots, side="right") / len(raw))
    expected = IsotonicRegression(out_of_bounds="clip").fit(raw, human).predict(knots)
    mixed = EQUIPERCENTILE_SHARE * ranked + (1 - EQUIPERCENTILE_SHARE) * expected
    points = np.clip(np.maximum.accumulate(mixed) * scale, 0, 100)
    return ScoreMap(knots.astype(np.float32), points.astype(np.float32))
