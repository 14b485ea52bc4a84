"""Measures a recording by decoding it. Runs in the confined process."""

import numpy as np

from shared.audio.decoder import Decoding, Samples
from shared.audio.measurement import MAX_AUDIO_SECONDS, SAMPLE_RATE, Measurement, UndecodableAudio

FRAME_SAMPLES = SAMPLE_RATE // 50
"""Levels are measured over frames of 20 ms."""
FULL_SCALE = 0.999
SILENCE_DB = -120.0


def measure(audio: memoryview) -> Measurement:
    """Raise UndecodableAudio, or AudioTooLong for more than five minutes."""
    decoding = Decoding(audio, MAX_AUDIO_SECONDS)
    powers, rest = list[float](), np.zeros(0, np.float32)
    samples = clipped = 0
    peak = 0.0
    for block in decoding:
        samples += len(block)
        magnitudes = np.abs(block)
        clipped += int(np.count_nonzero(magnitudes >= FULL_SCALE))
        peak = max(peak, float(magnitudes.max(initial=0.0)))
        rest = np.concatenate([rest, block])
        whole = len(rest) // FRAME_SAMPLES * FRAME_SAMPLES
        powers += _measure_powers(rest[:whole])
        rest = rest[whole:]
    if not samples:
        raise UndecodableAudio("The audio contains no sound that can be decoded.")
    return Measurement(
        duration_ms=max(1, round(decoding.seconds * 1000)),
        format=decoding.format,
        codec=decoding.codec,
        sample_rate=decoding.sample_rate,
        channels=decoding.channels,
        level_db=round(_to_level(powers), 1),
        peak=round(peak, 4),
        clipped_share=round(clipped / samples, 5),
    )


def _measure_powers(samples: Samples) -> list[float]:
    # Without its mean, a constant offset of a cheap microphone is no sound.
    powers: list[float] = samples.reshape(-1, FRAME_SAMPLES).var(axis=1, dtype=np.float64).tolist()
    return powers


def _to_level(powers: list[float]) -> float:
    loud = sorted(powers)[len(powers) // 2 :]
    power = sum(loud) / len(loud) if loud else 0.0
    return max(SILENCE_DB, 10 * float(np.log10(power + 1e-12)))
