import numpy as np
from scoring.providers.offline.score_map import ScoreMap

MAP = ScoreMap(np.array([2, 8, 9], np.float32), np.array([0, 80, 100], np.float32))


def test_scores_between_knots_lie_on_a_line() -> None:
    assert list(MAP.apply(np.array([5, 8.5], np.float32))) == [40, 90]


def test_scores_outside_of_the_knots_get_the_points_of_the_ends() -> None:
    assert list(MAP.apply(np.array([-3, 2, 9, 12], np.float32))) == [0, 0, 100, 100]
