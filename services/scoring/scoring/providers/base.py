"""Speech providers: whoever turns a recording and a text into scores."""

from dataclasses import dataclass
from typing import Literal, Protocol

from scoring.domain.scores import Assessment


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do. `formats` are the containers it takes, by the names of `audio.format`."""

    provider: str
    languages: tuple[str, ...]
    phoneme_alphabet: Literal["arpabet", "ipa"]
    prosody: bool
    max_seconds: int
    formats: tuple[str, ...]


class SpeechProvider(Protocol):
    """Scores recordings."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def assess(self, audio: memoryview, *, text: str, language: str) -> Assessment:
        """Score a recording of somebody reading the text.

        `language` is one of the capabilities', `text` has a word to say. Raises UnsupportedAudio,
        AudioTooLong, NotAssessable, ProviderUnavailable or ProviderTimeout.
        """
        ...

    async def ping(self) -> None:
        """Raise unless recordings can be scored."""
        ...
