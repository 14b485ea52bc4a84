import pytest
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
from scoring.providers.azure.outcomes import STOPPED, Outcome, to_error


@pytest.mark.parametrize(
    ("failure", "error_type", "status", "retryable"),
    [
        ("AuthenticationFailure", AuthenticationFailed, 503, False),
        ("Forbidden", QuotaExhausted, 503, False),
        ("BadRequest", RequestRejected, 503, False),
        ("TooManyRequests", ProviderThrottled, 503, True),
        ("ServiceTimeout", ProviderTimeout, 504, True),
        ("ServiceUnavailable", ProviderOutage, 503, True),
        ("ServiceError", ProviderOutage, 503, True),
        ("ConnectionFailure", ProviderOutage, 503, True),
        ("RuntimeError", ProviderOutage, 503, True),
        ("ServiceRedirectPermanent", ProviderOutage, 503, True),
        (STOPPED, ProviderOutage, 503, True),
    ],
)
def test_every_failure_has_its_error(
    failure: str, error_type: type[SpeechProcessingError], status: int, retryable: bool
) -> None:
    error = to_error(Outcome(failure=failure, phrases=("{}",)))
    assert type(error) is error_type
    assert (error.status, error.retryable) == (status, retryable)
    assert ("Retry-After" in error.headers) == (status == 503)


def test_a_response_that_the_sdk_cannot_parse_is_not_an_outage() -> None:
    error = to_error(Outcome(failure="ServiceError", is_malformed=True))
    assert isinstance(error, InvalidProviderResponse)


@pytest.mark.parametrize(
    ("no_match", "reason"),
    [
        ("NotRecognized", "no_speech"),
        ("InitialSilenceTimeout", "no_speech"),
        ("InitialBabbleTimeout", "too_noisy"),
        ("EndSilenceTimeout", "no_speech"),
    ],
)
def test_no_match_rejects_the_recording(no_match: str, reason: str) -> None:
    error = to_error(Outcome(no_match=no_match))
    assert isinstance(error, NotAssessable)
    assert error.extra == {"reason": reason}


def test_phrases_before_a_silence_count() -> None:
    assert to_error(Outcome(phrases=("{}",), no_match="InitialSilenceTimeout")) is None
