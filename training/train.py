"""Trains the offline provider's weights from a corpus: make train-scorer DATA=<folder>."""

import os
import sys
from pathlib import Path

from training import export
from training.dataset import build_dataset
from training.models import train_models


def main(folder: Path) -> None:
    dataset = build_dataset(folder)
    export.write(export.export(dataset, train_models(dataset.examples)))
    print(f"{export.TARGET}: {os.path.getsize(export.TARGET) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
