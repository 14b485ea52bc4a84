"""Mixes decoded channels to mono."""

import numpy as np
from numpy.typing import NDArray
from shared.audio.decoder import Channels

CANCELLED_SHARE = 0.05
"""If the mean has less than this share of the channels' power, the channels have opposite phases."""

type Samples = NDArray[np.float32]
"""Mono samples at 16 kHz between -1 and 1."""


def to_mono(block: Channels) -> Samples:
    channels = np.stack([np.frombuffer(channel, np.float32) for channel in block])
    # NaN counts as silence.
    np.nan_to_num(channels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    np.clip(channels, np.float32(-1), np.float32(1), out=channels)
    mono: Samples = channels.mean(axis=0, dtype=np.float32)
    if len(channels) > 1 and np.square(mono).mean() < CANCELLED_SHARE * np.square(channels).mean():
        mono = channels[0]
    return mono
