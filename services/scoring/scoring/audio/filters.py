import numpy as np
from shared.audio.decoder import SAMPLE_RATE, Samples

LOWEST_VOICE_HZ = 50.0
"""Below are the offsets and rumble of cheap microphones. The lowest voices begin at 70 Hz."""


def remove_rumble(samples: Samples) -> None:
    """Remove in place what is below the voice."""
    # In double precision: how an array lies in memory changes the last bits of its transform.
    spectrum = np.fft.rfft(samples.astype(np.float64))
    frequencies = np.arange(len(spectrum)) * (SAMPLE_RATE / len(samples))
    # A steep edge would ring; this one rises over an octave.
    gains = np.clip(frequencies / LOWEST_VOICE_HZ * 2 - 1, 0, 1)
    spectrum *= gains
    filtered = np.fft.irfft(spectrum, len(samples))
    np.clip(filtered, -1, 1, out=samples, casting="same_kind")
    for copy in (spectrum, filtered):
        copy.fill(0)
