"""Trains the offline provider's weights from a corpus: make train-scorer DATA=<folder>."""

import sys
from pathlib import Path

from training.arrays import FOLDER, write_arrays
from training.dataset import build_dataset
from training.evaluation import format_table, select_genuine
from training.export import to_arrays
from training.models import cross_validate, train_models
from training.processes import create_processes
from training.score_maps import fit_maps

TARGET = FOLDER / "scorer.npz"


def main(folder: Path) -> None:
    dataset = build_dataset(folder)
    with create_processes() as processes:
        models = processes.submit(train_models, dataset.examples)
        genuine = select_genuine(dataset.examples, cross_validate(dataset.examples, processes))
        print(format_table(*genuine))
        arrays = to_arrays(dataset, models.result(), fit_maps(*genuine))
    write_arrays(TARGET, arrays)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
