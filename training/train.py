"""Trains the offline provider's weights from a corpus: make train-scorer DATA=<folder>."""

import os
import sys
from pathlib import Path

from training import export
from training.dataset import build_dataset
from training.evaluation import format_table, select_genuine
from training.models import cross_validate, train_models
from training.score_maps import fit_maps


def main(folder: Path) -> None:
    dataset = build_dataset(folder)
    genuine = select_genuine(dataset.examples, cross_validate(dataset.examples))
    print(format_table(*genuine))
    arrays = export.export(dataset, train_models(dataset.examples), fit_maps(*genuine))
    export.write(arrays)
    print(f"{export.TARGET}: {os.path.getsize(export.TARGET) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
