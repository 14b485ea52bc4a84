"""The failure table: the app's error for each failure of the Speech service, and the audio sent.

The service's side of each row is in `tests.azure_double.situations`. The rows run at the same time.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

import pytest
from scoring.audio.recording import Recording
from scoring.domain.scores import ScoringResult
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
from shared.errors import ParleyError
from tests.azure_double import KEY, AzureDouble
from tests.azure_double.situations import SITUATIONS
from tests.azure_provider import start_azure

# The SDK fails to read the event of an endless text in one of its callbacks.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TEXT = "The train leaves at seven in the morning."
TIMEOUT_SECONDS = 6.0
SLACK_SECONDS = 1.5
"""Generous, because a hundred recognitions share two cores."""

type Mode = Literal["single-shot", "continuous"]


@dataclass(frozen=True)
class Row:
    """`error` is None where the recording is scored. `connections`: how often its audio was sent."""

    error: type[SpeechProcessingError] | None
    status: int
    retryable: bool
    connections: int
    max_seconds: float = TIMEOUT_SECONDS


@dataclass(frozen=True)
class Observed:
    outcome: ScoringResult | BaseException
    connections: int
    seconds: float


SCORED = Row(None, 200, False, 1, 2.0)
SCORED_LATER = Row(None, 200, False, 2, 3.0)
NO_VOICE = Row(NotAssessable, 422, False, 1, 2.0)
OUTAGE = Row(ProviderOutage, 503, True, 3)
THROTTLED = Row(ProviderThrottled, 503, True, 3)
TIMED_OUT_AT_ONCE = Row(ProviderTimeout, 504, True, 3)
HANGS = Row(ProviderTimeout, 504, True, 1)
REFUSED = Row(AuthenticationFailed, 503, False, 1, 2.0)
OVER_QUOTA = Row(QuotaExhausted, 503, False, 1, 2.0)
REJECTED = Row(RequestRejected, 503, False, 1, 2.0)
INVALID = Row(InvalidProviderResponse, 503, True, 1, 2.0)

ROWS: dict[str, Row] = {
    "success": SCORED,
    "mispronounced": SCORED,
    "two_phrases": SCORED,
    "throttled_once": SCORED_LATER,
    "unavailable_once": SCORED_LATER,
    "cut_once": SCORED_LATER,
    "closed_once": SCORED_LATER,
    "key_revoked_later": SCORED,
    "slow": Row(None, 200, False, 1),
    "http_400": REJECTED,
    "http_401": REFUSED,
    "http_403": REFUSED,
    "http_404": OUTAGE,
    "http_408": TIMED_OUT_AT_ONCE,
    "http_429": THROTTLED,
    "http_500": OUTAGE,
    "http_502": OUTAGE,
    "http_503": OUTAGE,
    "http_504": OUTAGE,
    "close_1000": HANGS,
    "close_1001": OUTAGE,
    "close_1002": OUTAGE,
    "close_1003": OUTAGE,
    "close_1007": REJECTED,
    "close_1008": OUTAGE,
    "close_1011": OUTAGE,
    "close_1013": OUTAGE,
    "close_4000": OUTAGE,
    "close_4429": THROTTLED,
    "phrase_NoMatch": NO_VOICE,
    "phrase_InitialSilenceTimeout": NO_VOICE,
    "phrase_BabbleTimeout": NO_VOICE,
    "phrase_EndOfDictation": INVALID,
    "phrase_Error": OUTAGE,
    "phrase_TooManyRequests": THROTTLED,
    "phrase_Forbidden": OVER_QUOTA,
    "phrase_BadRequest": REJECTED,
    "phrase_Unknown": INVALID,
    "handshake_never_answered": HANGS,
    "handshake_hung_up": OUTAGE,
    "cut_at_once": OUTAGE,
    "cut_mid_stream": OUTAGE,
    "cut_at_the_end": OUTAGE,
    "no_reply": HANGS,
    "no_turn_start": HANGS,
    "no_phrase": INVALID,
    "no_phrase_no_turn_end": HANGS,
    "no_turn_end": SCORED,
    "wrong_request_id": HANGS,
    "not_json": INVALID,
    "empty": INVALID,
    "no_object": INVALID,
    "no_status": INVALID,
    "no_nbest": INVALID,
    "empty_nbest": INVALID,
    "no_assessment": INVALID,
    "no_accuracy": INVALID,
    "no_words": INVALID,
    "word_without_assessment": INVALID,
    "word_without_phonemes": SCORED,
    "score_above_100": INVALID,
    "score_is_text": INVALID,
    "word_is_null": INVALID,
    "score_is_nan": INVALID,
    "offset_is_null": INVALID,
    "endless_offset": INVALID,
    "endless_text": INVALID,
}

DIFFERENT: dict[tuple[str, Mode], Row] = {
    # The SDK calls it a timeout, without waiting for one.
    ("phrase_EndOfDictation", "single-shot"): TIMED_OUT_AT_ONCE,
    ("no_phrase", "single-shot"): HANGS,
    ("no_turn_end", "continuous"): HANGS,
}
"""Rows of one mode only."""


async def observe(situation: str, recording: Recording) -> Observed:
    async with (
        AzureDouble(*SITUATIONS[situation], keeps_audio=False).listen() as double,
        start_azure(double.url, concurrency=1, timeout_seconds=TIMEOUT_SECONDS) as provider,
    ):
        started = time.perf_counter()
        [outcome] = await asyncio.gather(
            provider.assess(recording, text=TEXT, language="en-US"), return_exceptions=True
        )
        seconds = time.perf_counter() - started
    return Observed(outcome, double.connected, seconds)


@pytest.fixture(scope="module")
def recordings(recording: Recording, long_recording: Recording) -> dict[Mode, Recording]:
    return {"single-shot": recording, "continuous": long_recording}


@pytest.fixture(scope="module")
async def table(recordings: dict[Mode, Recording]) -> dict[tuple[str, Mode], Observed]:
    cells = [(situation, mode) for situation in ROWS for mode in recordings]
    slots = asyncio.Semaphore(16)

    async def fill(situation: str, mode: Mode) -> Observed:
        async with slots:
            return await observe(situation, recordings[mode])

    return dict(zip(cells, await asyncio.gather(*(fill(*cell) for cell in cells)), strict=True))


def test_every_situation_has_a_row() -> None:
    assert ROWS.keys() == SITUATIONS.keys()


@pytest.mark.parametrize("mode", ["single-shot", "continuous"])
@pytest.mark.parametrize("situation", ROWS)
async def test_each_failure_raises_its_error(
    table: dict[tuple[str, Mode], Observed],
    recordings: dict[Mode, Recording],
    situation: str,
    mode: Mode,
) -> None:
    row, actual = DIFFERENT.get((situation, mode), ROWS[situation]), table[situation, mode]
    max_seconds = row.max_seconds + SLACK_SECONDS
    expected = (row.error, row.connections)
    is_late = (
        isinstance(actual.outcome, ProviderTimeout) and (ProviderTimeout, actual.connections) != expected
    )
    if is_late or actual.seconds > max_seconds:
        # The processors were busy with the other rows. Alone, it must be in time.
        actual = await observe(situation, recordings[mode])
    if row.error is None:
        assert isinstance(actual.outcome, ScoringResult), actual
    else:
        assert type(actual.outcome) is row.error, actual
        assert (actual.outcome.status, actual.outcome.retryable) == (row.status, row.retryable)
        assert_safe(actual.outcome)
    assert actual.connections == row.connections
    assert actual.seconds <= max_seconds


def assert_safe(error: ParleyError) -> None:
    """Check that a problem document reveals neither the service nor the key nor the text."""
    message = f"{error.detail} {error.extra}".lower()
    assert not [word for word in ("azure", "127.0.0.1", KEY, "train", "ws_") if word in message]
    if error.status == 503:
        assert int(error.headers["Retry-After"]) >= 1
