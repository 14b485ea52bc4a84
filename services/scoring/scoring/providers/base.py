"""The interface of a speech provider."""

from dataclasses import dataclass
from typing import Protocol

from scoring.domain.scores import Assessment
from scoring.types import PhonemeAlphabet


@dataclass(frozen=True)
class Capabilities:
    """What a provider supports. `formats` are containers, named as in `AudioInfo.format`."""

    provider: str
    languages: tuple[str, ...]
    phoneme_alphabet: PhonemeAlphabet
    prosody: bool
    max_seconds: int
    formats: tuple[str, ...]


class SpeechProvider(Protocol):
    """Scores how a recording pronounces a text."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def start(self) -> None:
        """Begin to accept recordings. `assess` may be called as soon as this returns."""
        ...

    async def close(self) -> None:
        """Release all resources. Requests that still run may fail."""
        ...

    async def ping(self) -> None:
        """Raise unless recordings can be scored."""
        ...

    async def assess(self, audio: memoryview, *, text: str, language: str) -> Assessment:
        """Score a recording of a person who reads the text.

        `language` is one of the capabilities, and `text` has at least one word. Nothing of the recording may
        outlive the call. Raises one of ASSESSMENT_ERRORS, ProviderUnavailable or ProviderTimeout.
        """
        ...
