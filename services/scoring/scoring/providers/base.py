from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from scoring.audio.recording import Recording
from scoring.domain.metering import Meter
from scoring.domain.scores import ScoringResult
from scoring.types import PhonemeAlphabet

if TYPE_CHECKING:
    # Worker processes import this module, and should stay small.
    from shared.background import SupervisedLoop


@dataclass(frozen=True)
class Capabilities:
    """What a provider supports.

    `scorer` is the provider with the version of its scores: another one as soon as the same recording may get
    other scores, so that learners can see where scores of one kind end. `validated_on`: native languages of
    the speakers its scores were measured with; for all others they are unmeasured.
    """

    provider: str
    scorer: str
    languages: tuple[str, ...]
    phoneme_alphabet: PhonemeAlphabet
    prosody: bool
    max_seconds: int
    validated_on: tuple[str, ...] = ()


class SpeechProvider(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def concurrency(self) -> int:
        """The number of recordings that it scores at the same time."""
        ...

    @property
    def loops(self) -> "Sequence[SupervisedLoop]":
        """What runs in the background between start and close."""
        ...

    async def start(self) -> None:
        """Begin to accept recordings."""
        ...

    async def close(self) -> None:
        """Release all resources. Running requests may fail."""
        ...

    async def ping(self) -> None:
        """Raise unless recordings can be scored."""
        ...

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        """Score a recording of a person who reads the text. Keep nothing of it after the call.

        Raises one of ASSESSMENT_ERRORS, ProviderUnavailable or ProviderTimeout.
        """
        ...


@runtime_checkable
class PaidSpeechProvider(SpeechProvider, Protocol):
    """A provider that costs money by the second."""

    async def assess_metered(
        self, recording: Recording, *, text: str, language: str, meter: Meter
    ) -> ScoringResult:
        """Do what `assess` does, with each attempt to send the recording inside the meter."""
        ...
