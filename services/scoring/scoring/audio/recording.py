from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from shared.audio.measurement import SAMPLE_RATE

from scoring.domain.scores import AudioInfo

BYTES_PER_SAMPLE = 2


@dataclass(frozen=True)
class Recording:
    """Mono samples of 16 bits at 16 kHz, little-endian. Their owner overwrites them, not the provider."""

    pcm: memoryview
    source: AudioInfo

    @property
    def seconds(self) -> float:
        return len(self.pcm) / (SAMPLE_RATE * BYTES_PER_SAMPLE)

    def to_head(self) -> dict[str, Any]:
        """Return everything except the samples."""
        return {"source": asdict(self.source)}

    @classmethod
    def from_head(cls, head: Mapping[str, Any], pcm: memoryview) -> Self:
        return cls(pcm, AudioInfo(**head["source"]))
