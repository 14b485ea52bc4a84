"""Normalises samples in place, so that the microphone and its distance matter little."""

import numpy as np
from shared.audio.measurement import SAMPLE_RATE

from scoring.audio.samples import Samples

STOPBAND_HZ, PASSBAND_HZ = 60.0, 120.0
"""Removes offset, rumble and hum. Deep voices lose their fundamental, on which phonemes do not depend."""
TARGET_LEVEL_DB = -20.0
"""The level of the voice after `level_voice`. Its peaks are about 15 dB higher."""
MAX_PEAK = 0.99
PEAK_PERCENTILE = 99.9
"""Single clicks may be clipped."""
SILENCE = 1e-9


def remove_rumble(samples: Samples) -> None:
    """Remove frequencies below the voice."""
    # In double precision, because the last bits of a transform depend on the array's memory layout. Padded to
    # a power of two, which is fast for every length.
    centred = samples - samples.mean(dtype=np.float64)
    spectrum = np.fft.rfft(centred, 1 << len(samples).bit_length())
    frequencies = np.linspace(0, SAMPLE_RATE / 2, len(spectrum))
    # A steep edge would ring, so the gain rises over an octave.
    spectrum *= np.clip((frequencies - STOPBAND_HZ) / (PASSBAND_HZ - STOPBAND_HZ), 0, 1)
    filtered = np.fft.irfft(spectrum)
    np.clip(filtered[: len(samples)], -1, 1, out=samples, casting="same_kind")
    for copy in (centred, spectrum, filtered):
        copy.fill(0)


def level_voice(samples: Samples, loud_db: float) -> None:
    """Scale samples whose voice has the level `loud_db` to TARGET_LEVEL_DB."""
    peak = float(np.percentile(np.abs(samples), PEAK_PERCENTILE))
    gain = min(10 ** ((TARGET_LEVEL_DB - loud_db) / 20), MAX_PEAK / max(peak, SILENCE))
    np.clip(samples * np.float32(gain), -1, 1, out=samples)
