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

    `scorer` names the provider and the version of its scores. The version changes whenever the same recording
    may get other scores, because scores of two versions cannot be compared. `validated_on` lists the native
    languages of the speakers with whom the scores were validated.
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
        """The maximum number of recordings that are scored concurrently."""
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
        """Score a recording of a person who reads the text. The provider keeps no data after the call.

        Raises one of ASSESSMENT_ERRORS, ProviderUnavailable or ProviderTimeout.
        """
        ...


@runtime_checkable
class PaidSpeechProvider(SpeechProvider, Protocol):
    """A provider billed by the second."""

    async def assess_metered(
        self, recording: Recording, *, text: str, language: str, learner_id: UUID, meter: Meter
    ) -> ScoringResult:
        """Like `assess`, but wrap each attempt to send the recording in `meter`.

        Failures with one learner's recordings must not make the provider refuse those of all.
        """
        ...
