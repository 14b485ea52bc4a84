"""Errors that a client can get from scoring, besides those of `shared.errors`.

The first line of each docstring is published in the API reference.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from shared.errors import (
    BadRequest,
    Invalid,
    ParleyError,
    PayloadTooLarge,
    TimedOut,
    TooManyRequests,
    Unavailable,
)

from scoring.types import BudgetName, NotAssessableReason


class SpeechProcessingError(ParleyError):
    """A recording was not scored. If `retryable`, the same request may succeed later."""

    retryable: ClassVar[bool] = False
    cost_seconds: float = 0.0
    """The cost of decoding a rejected recording, in seconds of audio."""
    was_sent: bool = True
    """Whether a provider may have received any of the recording."""


class ClientDisconnected(SpeechProcessingError):
    """The client has closed its connection, so it will not read this response."""

    status, code, title = 499, "client_left", "Client left"

    def __init__(self) -> None:
        super().__init__("The client has closed its connection.")


class UnsupportedAudio(SpeechProcessingError, BadRequest):
    """The recording cannot be decoded; send one of the formats that the capabilities list."""

    code, title = "unsupported_audio", "Unsupported audio"


class AudioTooLarge(SpeechProcessingError, PayloadTooLarge):
    """The recording is larger than 10 MiB; send a smaller one."""

    code, title = "audio_too_large", "Audio too large"


class AudioTooLong(SpeechProcessingError, PayloadTooLarge):
    """The recording lasts longer than 60 seconds; send a shorter one."""

    code, title = "audio_too_long", "Audio too long"


class NotAssessable(SpeechProcessingError, Invalid):
    """Record again; `reason` is no_speech, too_noisy, too_short, clipped, low_quality or other_text."""

    code, title = "not_assessable", "Not assessable"

    def __init__(self, detail: str, *, reason: NotAssessableReason) -> None:
        super().__init__(detail, reason=reason)


class UnpronounceableText(SpeechProcessingError, Invalid):
    """The text has no words, or a word that cannot be pronounced; send another text."""

    def __init__(self, detail: str, **extra: Any) -> None:
        field_error = {"pointer": "#/reference_text", "message": detail}
        super().__init__(detail, **{"errors": [field_error], **extra})


class ProviderUnavailable(SpeechProcessingError, Unavailable):
    """Recordings cannot be scored right now; try again after `Retry-After`."""

    code, title = "provider_unavailable", "Speech provider unavailable"
    retryable = True


class ProviderThrottled(ProviderUnavailable):
    """The provider currently accepts no more recordings."""


class ProviderOutage(ProviderUnavailable):
    """The provider cannot be reached, or fails."""


class InvalidProviderResponse(ProviderUnavailable):
    """The provider's response is not an assessment. `fields` are missing or invalid."""

    def __init__(self, fields: Iterable[str]) -> None:
        super().__init__("The speech service gave no valid answer; try again in a moment.")
        self.fields = sorted(fields)


class AuthenticationFailed(ProviderUnavailable):
    """The provider rejects our key. An operator must act."""

    retryable = False


class QuotaExhausted(ProviderUnavailable):
    """The provider's own quota is used up. An operator must act."""

    retryable = False


class RequestRejected(ProviderUnavailable):
    """The provider rejected the request."""

    retryable = False


class UploadsFull(ProviderUnavailable):
    """The memory for arriving recordings is full."""

    def __init__(self) -> None:
        super().__init__("Too many recordings are arriving; try again in a moment.", retry_after=2)


class QueueFull(ProviderUnavailable):
    """Too many recordings are queued to score this one in time."""

    def __init__(self, retry_after: int) -> None:
        detail = f"Too many recordings are being scored; try again in {retry_after} s."
        super().__init__(detail, retry_after=retry_after)


class TooManyRecordings(TooManyRequests):
    """The learner has the maximum number of recordings in progress; wait for one of them."""

    code, title = "too_many_recordings", "Too many concurrent recordings"

    def __init__(self, limit: int) -> None:
        detail = f"You can have at most {limit} recordings in progress. Wait for one of them to finish."
        super().__init__(detail, headers={"Retry-After": "1"})


class BudgetUnavailable(ProviderUnavailable):
    """The budget cannot be checked, so nothing is sent to a paid provider."""


class BudgetExhausted(SpeechProcessingError, TooManyRequests):
    """The budget for paid scoring is exhausted until `opens_at`; `budget` is learner_day or month."""

    code, title = "budget_exhausted", "Budget exhausted"
    retryable = True

    def __init__(self, budget: BudgetName, *, opens_at: datetime, retry_after: int) -> None:
        period = "month's audio" if budget == "month" else "day's audio of this learner"
        super().__init__(
            f"The {period} is used up; more is available from {opens_at:%Y-%m-%d %H:%M} UTC.",
            headers={"Retry-After": str(retry_after)},
            budget=budget,
            opens_at=f"{opens_at:%Y-%m-%dT%H:%M:%SZ}",
        )


class ProviderTimeout(SpeechProcessingError, TimedOut):
    """Scoring took too long; try again later."""

    code, title = "provider_timeout", "Speech provider timed out"
    retryable = True


ASSESSMENT_ERRORS = (UnsupportedAudio, AudioTooLong, NotAssessable, UnpronounceableText)
"""Errors of the recording or its text, not of the provider."""
