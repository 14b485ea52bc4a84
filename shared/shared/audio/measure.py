"""Measures a recording by decoding it. Runs in the confined process."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite, log10, sumprod

from shared.audio.decoder import Channels, Decoding
from shared.audio.measurement import MAX_AUDIO_SECONDS, SAMPLE_RATE, Measurement, UndecodableAudio

FRAME_SAMPLES = SAMPLE_RATE // 50
"""Levels are measured over frames of 20 ms."""
FULL_SCALE = 0.999
SILENCE_DB = -120.0


def measure(audio: memoryview) -> Measurement:
    """Raise UndecodableAudio, or AudioTooLong for more than five minutes."""
    decoding = Decoding(audio, MAX_AUDIO_SECONDS)
    meter = _Meter()
    for block in decoding:
        meter.add(block)
    if not meter.samples:
        raise UndecodableAudio("The audio contains no sound that can be decoded.")
    return Measurement(
        duration_ms=max(1, round(decoding.seconds * 1000)),
        format=decoding.format,
        codec=decoding.codec,
        sample_rate=decoding.sample_rate,
        channels=decoding.channels,
        level_db=round(_to_level(meter.powers), 1),
        clipped_share=round(meter.clipped / meter.samples, 5),
    )


@dataclass
class _Meter:
    """`powers` are those of the louder channel in each frame."""

    powers: list[float] = field(default_factory=list)
    samples: int = 0
    clipped: int = 0
    _remaining: list[list[float]] = field(default_factory=list)
    """Samples of each channel after the last whole frame."""

    def add(self, block: Channels) -> None:
        channels = [_clip(channel) for channel in block]
        for channel in channels:
            self.samples += len(channel)
            if max(channel, default=0.0) >= FULL_SCALE or min(channel, default=0.0) <= -FULL_SCALE:
                self.clipped += sum(abs(sample) >= FULL_SCALE for sample in channel)
        if len(self._remaining) == len(channels):
            channels = [before + after for before, after in zip(self._remaining, channels, strict=True)]
        complete_samples = len(channels[0]) // FRAME_SAMPLES * FRAME_SAMPLES
        for start in range(0, complete_samples, FRAME_SAMPLES):
            frames = (channel[start : start + FRAME_SAMPLES] for channel in channels)
            self.powers.append(max(map(_measure_power, frames)))
        self._remaining = [channel[complete_samples:] for channel in channels]


def _clip(channel: array[float]) -> list[float]:
    samples = channel.tolist()
    if isfinite(sum(samples)) and min(samples, default=0.0) >= -1 and max(samples, default=0.0) <= 1:
        return samples
    return [min(1.0, max(-1.0, sample)) if isfinite(sample) else 0.0 for sample in samples]


def _measure_power(frame: list[float]) -> float:
    # Without its mean, a constant offset of a cheap microphone is no sound.
    mean = sum(frame) / len(frame)
    return max(0.0, sumprod(frame, frame) / len(frame) - mean * mean)


def _to_level(powers: Iterable[float]) -> float:
    loud = sorted(powers)
    loud = loud[len(loud) // 2 :]
    power = sum(loud) / len(loud) if loud else 0.0
    return max(SILENCE_DB, 10 * log10(power + 1e-12))
