"""Decodes uploaded recordings to samples, in memory only."""

from dataclasses import dataclass

import numpy as np
from shared.audio.decoder import SAMPLE_RATE, Decoding, Samples
from shared.audio.measurement import AudioTooLong as DecodedTooLong
from shared.audio.measurement import UndecodableAudio

from scoring.errors import AudioTooLong, UnsupportedAudio
from scoring.types import MAX_AUDIO_SECONDS

__all__ = ["SAMPLE_RATE", "Recording", "Samples", "decode"]

LOWEST_VOICE_HZ = 50.0
"""Below are the offsets and rumble of cheap microphones. The lowest voices begin at 70 Hz."""


@dataclass(frozen=True)
class Recording:
    """Mono samples at 16 kHz between -1 and 1. `sample_rate` is the rate before resampling."""

    samples: Samples
    duration_ms: int
    sample_rate: int
    format: str

    def wipe(self) -> None:
        self.samples.fill(0)


def decode(audio: memoryview) -> Recording:
    """Decode a whole recording. Raises only UnsupportedAudio or AudioTooLong, for any input."""
    samples = np.zeros((MAX_AUDIO_SECONDS + 1) * SAMPLE_RATE, np.float32)
    try:
        return _decode(audio, samples)
    except UndecodableAudio as error:
        samples.fill(0)
        raise UnsupportedAudio(str(error)) from error
    except DecodedTooLong as error:
        samples.fill(0)
        detail = f"The audio is longer than {MAX_AUDIO_SECONDS} s."
        raise AudioTooLong(detail, max_seconds=MAX_AUDIO_SECONDS) from error
    except BaseException:
        samples.fill(0)
        raise


def _decode(audio: memoryview, samples: Samples) -> Recording:
    decoding, used = Decoding(audio, MAX_AUDIO_SECONDS), 0
    for block in decoding:
        end = min(used + len(block), len(samples))
        samples[used:end] = block[: end - used]
        block.fill(0)
        used = end
    if not used:
        raise UnsupportedAudio("The audio contains no sound that can be decoded.")
    _remove_rumble(samples[:used])
    return Recording(samples[:used], round(decoding.seconds * 1000), decoding.sample_rate, decoding.format)


def _remove_rumble(samples: Samples) -> None:
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
