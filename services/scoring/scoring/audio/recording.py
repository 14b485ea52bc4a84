from dataclasses import dataclass

from scoring.domain.scores import AudioInfo

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2


@dataclass(frozen=True)
class Recording:
    """Mono samples at 16 kHz, 16 bits, little-endian. Their owner overwrites them, not a provider."""

    pcm: memoryview
    source: AudioInfo
    voiced_seconds: float

    @property
    def seconds(self) -> float:
        return len(self.pcm) / (SAMPLE_RATE * BYTES_PER_SAMPLE)
