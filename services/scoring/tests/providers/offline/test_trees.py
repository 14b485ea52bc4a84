import numpy as np
from scoring.providers.offline.trees import Trees

# x0 <= 1 ? -1 : (x1 <= 0 ? 2 : 5), and a tree of one leaf that adds 10.
TREES = Trees(
    features=np.array([0, 0, 1, 0, 0, 0], np.int16),
    thresholds=np.array([1, 0, 0, 0, 0, 0], np.float32),
    lefts=np.array([1, 1, 3, 3, 4, 5], np.int32),
    rights=np.array([2, 1, 4, 3, 4, 5], np.int32),
    values=np.array([0, -1, 0, 2, 5, 10], np.float32),
    roots=np.array([0, 5], np.int32),
    depth=np.asarray(2, np.int32),
    base=np.asarray(0.5, np.float32),
)


def test_rows_reach_their_leaves() -> None:
    rows = np.array([[1, 9], [2, 0], [2, 0.1]], np.float32)
    assert list(TREES.predict(rows)) == [9.5, 12.5, 15.5]


def test_an_empty_table_has_no_predictions() -> None:
    assert TREES.predict(np.empty((0, 2), np.float32)).shape == (0,)
