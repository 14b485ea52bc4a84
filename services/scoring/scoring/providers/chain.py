"""Uses the next provider when one is down, throttles requests or exceeds its budget."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial

import structlog
from prometheus_client import Counter, Histogram
from shared.background import SupervisedLoop
from shared.errors import ParleyError

from scoring.admission import FairQueue
from scoring.audio.recording import Recording
from scoring.budget import SpeechBudget
from scoring.domain.durations import DurationEstimator
from scoring.domain.metering import SendAttempt
from scoring.domain.scores import ScoringResult
from scoring.domain.turns import Ticket
from scoring.errors import BudgetExhausted, ProviderUnavailable, QueueFull
from scoring.providers.base import Capabilities, PaidSpeechProvider, SpeechProvider
from scoring.text.words import to_spoken_words
from scoring.types import DEFAULT_QUEUE_SIZE, MAX_AUDIO_SECONDS, MAX_TEXT_WORDS

log = structlog.get_logger(__name__)

DURATION = Histogram(
    "provider_duration_seconds",
    "Time that a provider took for a recording, until its scores or an error.",
    ["provider", "outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
SCORED_SECONDS = Counter("speech_seconds_scored_total", "Audio that was scored.", ["provider"])
PAID_SECONDS = Counter(
    "speech_seconds_paid_total", "Audio sent to a paid provider, retries included.", ["provider"]
)

FALLBACK_ERRORS = (ProviderUnavailable, BudgetExhausted)
"""ProviderTimeout is not one of them: it leaves no time for another provider."""
FIRST_ESTIMATE = (0.15, 2.5, 0.5)
"""Seconds for any recording, and those that the longest recording and the longest text add."""


class ProviderChain:
    """Speech providers in order of preference. Each has a queue, and is used only for its languages."""

    def __init__(
        self,
        providers: Sequence[SpeechProvider],
        budget: SpeechBudget,
        *,
        max_waiting: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        self.providers, self.budget = providers, budget
        self._queues = {
            provider.capabilities.provider: _create_queue(provider, max_waiting=max_waiting)
            for provider in providers
        }

    @property
    def capabilities(self) -> Capabilities:
        """Return the first provider's capabilities, with the languages of all."""
        all_capabilities = [provider.capabilities for provider in self.providers]
        languages = dict.fromkeys(
            language for capabilities in all_capabilities for language in capabilities.languages
        )
        return replace(all_capabilities[0], languages=tuple(languages))

    def get_capabilities(self, provider: str) -> Capabilities:
        return next(
            candidate.capabilities
            for candidate in self.providers
            if candidate.capabilities.provider == provider
        )

    @property
    def loops(self) -> Sequence[SupervisedLoop]:
        return [loop for provider in self.providers for loop in provider.loops]

    async def start(self) -> None:
        for provider in self.providers:
            await provider.start()

    async def close(self) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.budget.close)
            for provider in self.providers:
                stack.push_async_callback(provider.close)

    async def ping(self) -> None:
        """Raise ProviderUnavailable unless one provider can score."""
        for provider in self.providers[:-1]:
            try:
                return await provider.ping()
            except ProviderUnavailable:
                continue
        await self.providers[-1].ping()

    def ensure_capacity(self, ticket: Ticket, language: str) -> float:
        """Return the time by which a typical recording must be decoded to be scored in time. Raises
        QueueFull.
        """
        return self._find_queue(ticket, language)[1]

    @contextmanager
    def reserve_place(self, ticket: Ticket, language: str) -> Iterator[float]:
        """Like `ensure_capacity`, and keep a place in the queue while the recording is decoded."""
        queue, decoding_deadline = self._find_queue(ticket, language)
        with queue.expect(ticket):
            yield decoding_deadline

    def _find_queue(self, ticket: Ticket, language: str) -> tuple[FairQueue, float]:
        failures = list[QueueFull]()
        for provider in self._list_providers(language):
            queue = self._queues[provider.capabilities.provider]
            try:
                return queue, queue.ensure_capacity(ticket)
            except QueueFull as error:
                failures.append(error)
        raise _find_shortest_wait(failures)

    async def assess(
        self, recording: Recording, *, ticket: Ticket, text: str, language: str
    ) -> ScoringResult:
        """Return the scores of the first available provider. If none is available, raise the error with the
        shortest wait.
        """
        failures = list[ParleyError]()
        for provider in self._list_providers(language):
            try:
                return await self._assess_in_turn(provider, recording, ticket, text=text, language=language)
            except FALLBACK_ERRORS as error:
                failures.append(error)
        raise _find_shortest_wait(failures)

    def _list_providers(self, language: str) -> list[SpeechProvider]:
        return [provider for provider in self.providers if language in provider.capabilities.languages]

    async def _assess_in_turn(
        self, provider: SpeechProvider, recording: Recording, ticket: Ticket, *, text: str, language: str
    ) -> ScoringResult:
        name, sizes = provider.capabilities.provider, (recording.seconds, len(to_spoken_words(text)))
        async with self._queues[name].take_turn(ticket, sizes):
            with _measure(name, recording.seconds):
                return await self._assess_within_budget(
                    provider, recording, ticket, text=text, language=language
                )

    async def _assess_within_budget(
        self, provider: SpeechProvider, recording: Recording, ticket: Ticket, *, text: str, language: str
    ) -> ScoringResult:
        if not isinstance(provider, PaidSpeechProvider):
            return await provider.assess(recording, text=text, language=language)
        name = provider.capabilities.provider
        meter = partial(self._send, ticket, seconds=recording.seconds, provider=name)
        return await provider.assess_metered(
            recording, text=text, language=language, learner_id=ticket.learner_id, meter=meter
        )

    @asynccontextmanager
    async def _send(self, ticket: Ticket, *, seconds: float, provider: str) -> AsyncIterator[SendAttempt]:
        async with self.budget.reserve(ticket.learner_id, seconds=seconds) as send_attempt:
            try:
                yield send_attempt
            finally:
                if send_attempt.slot_freed:
                    self._queues[provider].occupy_slot(ticket, until=send_attempt.slot_freed)
                if send_attempt.is_sent:
                    PAID_SECONDS.labels(provider).inc(seconds)


def _create_queue(provider: SpeechProvider, *, max_waiting: int) -> FairQueue:
    estimator = DurationEstimator(seconds=FIRST_ESTIMATE, scales=(MAX_AUDIO_SECONDS, MAX_TEXT_WORDS))
    name, concurrency = provider.capabilities.provider, provider.concurrency
    return FairQueue(name, estimator, concurrency=concurrency, max_waiting=max_waiting)


def _find_shortest_wait[E: ParleyError](failures: Sequence[E]) -> E:
    return min(failures, key=lambda error: int(error.headers["Retry-After"]))


@contextmanager
def _measure(provider: str, recorded_seconds: float) -> Iterator[None]:
    started, outcome = time.perf_counter(), "failed"
    try:
        yield
        outcome = "scored"
        SCORED_SECONDS.labels(provider).inc(recorded_seconds)
    except ParleyError as error:
        outcome = error.code
        raise
    finally:
        DURATION.labels(provider, outcome).observe(time.perf_counter() - started)
