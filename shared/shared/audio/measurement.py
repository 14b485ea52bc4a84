from dataclasses import dataclass

SAMPLE_RATE = 16_000
"""Sample rate after decoding, in Hz, regardless of the recording's own."""
MAX_AUDIO_BYTES = 10 * 1024 * 1024
MAX_AUDIO_SECONDS = 300


class UndecodableAudio(Exception):
    """The content is not audio that can be decoded. The message says why, and what to send instead."""


class AudioTooLong(Exception):
    """The recording lasts longer than accepted."""


@dataclass(frozen=True)
class Measurement:
    """A decoded recording. Nothing is taken from its headers.

    `level_db` is the mean power of its loud half, in dB relative to full scale, and -120 for digital silence.
    In each frame, the louder channel counts. `clipped_share` is the share of samples at full scale.
    """

    duration_ms: int
    format: str
    codec: str
    sample_rate: int
    channels: int
    level_db: float
    clipped_share: float
