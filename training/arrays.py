"""Writes trained weights to the offline provider's data, as plain arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scoring.providers import offline

FOLDER = Path(offline.__file__).parent / "data"

type Arrays = dict[str, NDArray[np.generic]]


def write_arrays(target: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    with target.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type] # the stub knows only the options
