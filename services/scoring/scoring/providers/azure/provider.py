"""Scores recordings with Azure's Speech service."""

import asyncio
import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self
from uuid import UUID, uuid4

import structlog
from prometheus_client import Gauge
from shared.background import SupervisedLoop
from shared.memory import limit_retained_memory

from scoring.audio.recording import Recording
from scoring.domain.metering import Meter, SendAttempt, skip_metering
from scoring.domain.scores import AudioInfo, ScoringResult
from scoring.errors import (
    AuthenticationFailed,
    InvalidProviderResponse,
    NotAssessable,
    ProviderOutage,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    SpeechProcessingError,
)
from scoring.providers.azure.breaker import BreakerOpen
from scoring.providers.azure.configuration import Connection, RecognitionRequest
from scoring.providers.azure.learner_breakers import LearnerBreakers
from scoring.providers.azure.outcomes import Outcome, to_error
from scoring.providers.azure.phrases import parse_phrase
from scoring.providers.azure.pool import NoFreeSlot, RecognitionPool
from scoring.providers.azure.results import PROVIDER, SCORER, build_result
from scoring.providers.azure.retries import MAX_ATTEMPTS, choose_delay
from scoring.providers.azure.service_breaker import ServiceBreaker
from scoring.providers.base import Capabilities
from scoring.settings import ApiSettings
from scoring.text.words import to_spoken_text
from scoring.types import MAX_AUDIO_SECONDS

log = structlog.get_logger(__name__)

BREAKER_OPEN = Gauge("provider_breaker_open", "1 while a speech provider gets no requests.", ["provider"])
LANGUAGES = ("en-US", "en-GB", "en-AU", "en-CA", "en-IN")
"""The service supports more languages, but texts are split into words by English rules."""
RETRIED_FAILURES = (ProviderOutage, ProviderThrottled, ProviderTimeout)
"""Failures after which the same request may soon succeed. An unreadable answer would not change, and is
billed.
"""
SERVICE_FAILURES = (*RETRIED_FAILURES, InvalidProviderResponse, AuthenticationFailed, QuotaExhausted)
"""Failures that open the breaker."""
DOWN = "The speech service has failed repeatedly; try again in a moment."


class AzureProvider:
    """Supports English. Phonemes (in IPA) and prosody are only scored for en-US."""

    capabilities = Capabilities(
        provider=PROVIDER,
        scorer=SCORER,
        languages=LANGUAGES,
        phoneme_alphabet="ipa",
        prosody=True,
        max_seconds=MAX_AUDIO_SECONDS,
    )
    loops: Sequence[SupervisedLoop] = ()

    def __init__(
        self, connection: Connection, *, concurrency: int, timeout_seconds: float, breaker: ServiceBreaker
    ) -> None:
        self.concurrency = concurrency
        self._pool = RecognitionPool(connection, concurrency=concurrency)
        self._timeout_seconds, self._breaker = timeout_seconds, LearnerBreakers(breaker)
        BREAKER_OPEN.labels(self.capabilities.provider).set_function(lambda: breaker.state == "open")

    @property
    def slots_taken(self) -> int:
        return self._pool.taken

    @classmethod
    def from_settings(cls, settings: ApiSettings) -> Self:
        connection = Connection(
            key=settings.azure_speech_key.get_secret_value(),
            region=settings.azure_speech_region,
            endpoint=settings.azure_speech_endpoint,
        )
        return cls(
            connection,
            concurrency=settings.azure_concurrency,
            timeout_seconds=settings.azure_timeout_seconds,
            breaker=ServiceBreaker(time.monotonic),
        )

    async def start(self) -> None:
        """Do not call the service: its first answer shows whether the key is valid."""
        limit_retained_memory()

    async def close(self) -> None:
        await self._pool.close()

    async def ping(self) -> None:
        if self._breaker.state == "open":
            raise ProviderUnavailable(DOWN)

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        return await self.assess_metered(
            recording, text=text, language=language, learner_id=uuid4(), meter=skip_metering
        )

    async def assess_metered(
        self, recording: Recording, *, text: str, language: str, learner_id: UUID, meter: Meter
    ) -> ScoringResult:
        request = RecognitionRequest(to_spoken_text(text), language, recording.seconds)
        with self._guard(learner_id):
            return await self._assess_repeatedly(request, recording, meter)

    @contextmanager
    def _guard(self, learner_id: UUID) -> Iterator[None]:
        """Report the block's outcome to the breakers. Raises ProviderUnavailable while one is open."""
        try:
            permit = self._breaker.admit(learner_id)
        except BreakerOpen as error:
            seconds = max(math.ceil(error.retry_after_seconds), 1)
            raise ProviderUnavailable(DOWN, retry_after=seconds) from None
        try:
            yield
        except SERVICE_FAILURES as error:
            self._breaker.record_failure(permit, is_outage=is_outage(error))
            raise
        except NotAssessable:
            self._breaker.record_success(permit)
            raise
        except BaseException:
            # A disconnected client, a full pool and a rejected recording are not failures of the service.
            self._breaker.release(permit)
            raise
        self._breaker.record_success(permit)

    async def _assess_repeatedly(
        self, request: RecognitionRequest, recording: Recording, meter: Meter
    ) -> ScoringResult:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_seconds
        for attempt in range(1, MAX_ATTEMPTS):
            try:
                async with meter() as send_attempt:
                    return await self._assess_once(request, recording, deadline, send_attempt)
            except RETRIED_FAILURES:
                jitter = random.random()  # noqa: S311 - it spreads attempts and is not a secret
                delay = choose_delay(attempt, remaining_seconds=deadline - loop.time(), jitter=jitter)
                if delay is None:
                    raise
            await asyncio.sleep(delay)
        async with meter() as send_attempt:
            return await self._assess_once(request, recording, deadline, send_attempt)

    async def _assess_once(
        self, request: RecognitionRequest, recording: Recording, deadline: float, send_attempt: SendAttempt
    ) -> ScoringResult:
        try:
            outcome = await self._pool.recognize(
                request, recording.pcm, deadline=deadline, send_attempt=send_attempt
            )
        except NoFreeSlot:
            detail = "Too many recordings are being scored; try again in a moment."
            raise ProviderUnavailable(detail, retry_after=2) from None
        except TimeoutError:
            error = ProviderTimeout("The speech service did not answer in time.")
            error.was_sent = send_attempt.is_sent
            raise error from None
        try:
            return to_result(outcome, request, recording.source)
        except SpeechProcessingError as error:
            error.was_sent = send_attempt.is_sent
            log_failure(error, outcome)
            raise


def is_outage(error: SpeechProcessingError) -> bool:
    """Return whether no recording can have caused a failure. Too many of them can cause throttling."""
    return not error.was_sent and not isinstance(error, ProviderThrottled)


def to_result(outcome: Outcome, request: RecognitionRequest, audio: AudioInfo) -> ScoringResult:
    if error := to_error(outcome):
        raise error
    phrases = [phrase for document in outcome.phrases if (phrase := parse_phrase(document))]
    if outcome.phrases and not phrases:
        raise NotAssessable("No voice was found in the recording.", reason="no_speech")
    return build_result(phrases, text=request.text, audio=audio, compared=request.is_single_shot)


def log_failure(error: SpeechProcessingError, outcome: Outcome) -> None:
    """Log the details that Microsoft's support needs, without text or speech."""
    if isinstance(error, NotAssessable):
        return
    details = {
        "error": type(error).__name__,
        "reason": outcome.failure,
        "fields": error.fields if isinstance(error, InvalidProviderResponse) else [],
        "session_id": outcome.session_id,
    }
    if error.retryable:
        log.warning("azure_recognition_failed", **details)
    else:
        log.error("azure_recognition_refused", **details)
