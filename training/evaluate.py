"""Prints how well scores agree with raters: make eval-scorer DATA=<folder> SPLIT=<split>.

The split `train` is cross-validated by speaker, since the shipped weights have seen it. All others are scored
with the shipped weights.
"""

import sys
from pathlib import Path

from scoring.providers.offline.weights import load_weights

from training.dataset import build_dataset, build_test_set
from training.evaluation import format_table, select_genuine
from training.models import cross_validate, predict
from training.processes import create_processes


def main(folder: Path, split: str) -> None:
    if split == "train":
        examples = build_dataset(folder).examples
        with create_processes() as processes:
            predictions = cross_validate(examples, processes)
    else:
        weights = load_weights()
        examples = build_test_set(folder, split, weights)
        predictions = predict(weights.models, examples)
    print(format_table(*select_genuine(examples, predictions)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
