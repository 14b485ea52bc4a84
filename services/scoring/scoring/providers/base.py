from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from uuid import UUID

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

    `scorer` is the provider with the version of its scores. The version changes whenever the same recording
    may get other scores, because such scores cannot be compared. `validated_on`: native languages of the
    speakers on whom its scores were validated.
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
        """The number of recordings that it scores concurrently."""
        ...

    @property
    def loops(self) -> "Sequence[SupervisedLoop]":
        """Background loops between start and close."""
        ...

    async def start(self) -> None:
        """Start accepting recordings."""
        ...

    async def close(self) -> None:
        """Release all resources. Running requests may fail."""
        ...

    async def ping(self) -> None:
        """Raise unless recordings can be scored."""
        ...

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        """Score a recording of a person reading the text. The provider keeps no data after the call.

        Raises one of ASSESSMENT_ERRORS, ProviderUnavailable or ProviderTimeout.
        """
        ...


@runtime_checkable
class PaidSpeechProvider(SpeechProvider, Protocol):
    """A provider billed by the second."""

    async def assess_metered(
        self, recording: Recording, *, text: str, language: str, learner_id: UUID, meter: Meter
    ) -> ScoringResult:
        """Like `assess`, with each attempt to send the recording inside the meter.

        The failures of one learner must not make the provider refuse the recordings of all.
        """
        ...
