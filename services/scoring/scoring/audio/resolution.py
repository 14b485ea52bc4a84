import math

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

VALUES = 1 << 16
MIN_VALUES = 8
"""With fewer distinct values, the step is not measured."""


class ResolutionMeter:
    """Finds the quantisation step of a recording, down to 16 bits."""

    def __init__(self) -> None:
        self._seen = np.zeros(VALUES, np.bool_)

    def add(self, frame: AudioFrame) -> None:
        # The first channel is enough. Packed formats hold the samples of all channels in one row.
        channels = 1 if frame.format.is_planar else frame.layout.nb_channels
        self._seen[_to_int16(frame.to_ndarray()[0, ::channels]).astype(np.int64) + VALUES // 2] = True

    @property
    def noise_db(self) -> float:
        """The level of the quantisation noise."""
        values = np.flatnonzero(self._seen)
        step = int(np.diff(values).min()) if len(values) >= MIN_VALUES else 1
        return 20 * math.log10(step / (VALUES / 2) / math.sqrt(12))


def _to_int16(values: NDArray[np.generic]) -> NDArray[np.int16]:
    match values.dtype.name:
        case "uint8":
            return (values.astype(np.int16) - 128) << 8
        case "int16":
            return values.astype(np.int16)
        case "int32":
            return (values.astype(np.int32) >> 16).astype(np.int16)
        case _:
            finite = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
            return (np.clip(finite, -1, 1) * 32767).round().astype(np.int16)
