"""Outcomes of a recognition, without the SDK's types, and their errors."""

from dataclasses import dataclass

from scoring.errors import (
    AuthenticationFailed,
    InvalidProviderResponse,
    NotAssessable,
    ProviderOutage,
    ProviderThrottled,
    ProviderTimeout,
    QuotaExhausted,
    RequestRejected,
    SpeechProcessingError,
)

MALFORMED = "Invalid response."
"""How the SDK's details begin when it could not read a response. The error code is that of an outage."""

STOPPED = "Stopped"
"""The failure of a recognition that we cancelled."""


@dataclass(frozen=True)
class Outcome:
    """Phrases are JSON. `failure` and `no_match` are the SDK's names, or empty.

    `connected` means that the service was reached, so that audio may have been sent.
    """

    phrases: tuple[str, ...] = ()
    no_match: str = ""
    failure: str = ""
    is_malformed: bool = False
    connected: bool = False
    session_id: str = ""


def to_error(outcome: Outcome) -> SpeechProcessingError | None:
    """Return the error of a recognition without phrases."""
    if outcome.failure:
        return _to_failure(outcome)
    if outcome.no_match and not outcome.phrases:
        return _to_not_assessable(outcome.no_match)
    return None


def _to_failure(outcome: Outcome) -> SpeechProcessingError:
    if outcome.is_malformed:
        return InvalidProviderResponse({"document"})
    match outcome.failure:
        case "AuthenticationFailure":
            return AuthenticationFailed("The speech service rejected this server's key.", retry_after=60)
        case "Forbidden":
            return QuotaExhausted("The speech service's quota is used up.", retry_after=60)
        case "BadRequest":
            return RequestRejected("The speech service cannot score this recording.", retry_after=60)
        case "TooManyRequests":
            return ProviderThrottled("The speech service is busy; try again in a moment.")
        case "ServiceTimeout":
            return ProviderTimeout("The speech service did not answer in time.")
        case _:
            return ProviderOutage("The speech service is not available; try again in a moment.")


def _to_not_assessable(no_match: str) -> NotAssessable:
    if no_match == "InitialBabbleTimeout":
        return NotAssessable("The voice does not stand out from the noise around it.", reason="too_noisy")
    return NotAssessable("No voice was found in the recording.", reason="no_speech")
