"""The next provider is used only if one is down or throttled, or its budget is spent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis
from scoring.audio.recording import Recording
from scoring.budget import SpeechBudget
from scoring.domain.budgets import Limits
from scoring.domain.metering import Meter, skip_metering
from scoring.domain.scores import AudioInfo, ScoringResult
from scoring.domain.turns import Ticket
from scoring.errors import (
    BudgetExhausted,
    BudgetUnavailable,
    NotAssessable,
    ProviderTimeout,
    ProviderUnavailable,
    QueueFull,
    SpeechProcessingError,
    UnpronounceableText,
)
from scoring.providers import Capabilities, PaidSpeechProvider, SpeechProvider
from scoring.providers.chain import ProviderChain
from scoring.settings import ApiSettings

RECORDING = Recording(memoryview(bytes(2 * 16_000 * 10)), AudioInfo(10_000, 44_100, "m4a"))
NO_LIMITS = Limits(0, 0)

type Answer = SpeechProcessingError | None


class FreeProvider:
    """Returns its outcomes in turn, and then repeats the last one. None is a success."""

    loops = ()
    concurrency = 1

    def __init__(self, name: str, *responses: Answer, languages: Sequence[str] = ("en-US",)) -> None:
        self.capabilities = Capabilities(
            name, f"{name}-1", tuple(languages), "ipa", prosody=False, max_seconds=60
        )
        self.calls, self._answers = 0, list(responses or (None,))
        self.is_up, self.is_closed = True, False

    async def start(self) -> None: ...

    async def close(self) -> None:
        self.is_closed = True

    async def ping(self) -> None:
        if not self.is_up:
            raise ProviderUnavailable("down")

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        self.calls += 1
        response = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if response is not None:
            raise response
        names = {"provider": self.capabilities.provider, "scorer": self.capabilities.scorer}
        return ScoringResult(text, 90, 90, 90, 100, None, (), recording.source, **names)


class PaidProvider(FreeProvider):
    """Sends every recording twice, as after a failure, or not at all."""

    def __init__(self, name: str, *responses: Answer, sends: int = 1, connects: bool = True) -> None:
        super().__init__(name, *responses)
        self._sends, self._connects, self.sent = sends, connects, 0

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        return await self.assess_metered(
            recording, text=text, language=language, learner_id=uuid4(), meter=skip_metering
        )

    async def assess_metered(
        self, recording: Recording, *, text: str, language: str, learner_id: UUID, meter: Meter
    ) -> ScoringResult:
        for _ in range(self._sends):
            async with meter() as send_attempt:
                self.sent += 1
                send_attempt.is_sent = self._connects
        return await super().assess(recording, text=text, language=language)


@pytest.fixture
async def chain_of(settings: ApiSettings, redis: Redis) -> AsyncIterator["ChainOf"]:
    factory = ChainOf(settings.redis_url.get_secret_value())
    yield factory
    for chain in factory.made:
        await chain.close()


class ChainOf:
    def __init__(self, url: str) -> None:
        self._url, self.made = url, list[ProviderChain]()

    def __call__(
        self, *providers: SpeechProvider, limits: Limits = NO_LIMITS, url: str = "", max_waiting: int = 9
    ) -> ProviderChain:
        budget = SpeechBudget(url or self._url, limits)
        self.made.append(ProviderChain(providers, budget, max_waiting=max_waiting))
        return self.made[-1]


def create_ticket(within_seconds: float = 10.0) -> Ticket:
    return Ticket(uuid4(), asyncio.get_running_loop().time() + within_seconds)


async def assess(chain: ProviderChain, language: str = "en-US") -> str:
    result = await chain.assess(RECORDING, ticket=create_ticket(), text="Thank you.", language=language)
    return result.provider


def get_metric(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


async def test_the_first_provider_scores(chain_of: ChainOf) -> None:
    first, second = FreeProvider("first"), FreeProvider("second")
    assert await assess(chain_of(first, second)) == "first"
    assert second.calls == 0


@pytest.mark.parametrize("failure", [ProviderUnavailable("down"), BudgetUnavailable("no Redis")])
async def test_the_next_provider_scores_when_one_is_down(chain_of: ChainOf, failure: Answer) -> None:
    chain = chain_of(FreeProvider("first", failure, None), FreeProvider("second"))
    assert [await assess(chain) for _ in range(2)] == ["second", "first"]


@pytest.mark.parametrize(
    "error",
    [
        NotAssessable("too noisy", reason="too_noisy"),
        UnpronounceableText("no words"),
        ProviderTimeout("too late"),
    ],
)
async def test_assessment_errors_and_timeouts_are_final(
    chain_of: ChainOf, error: SpeechProcessingError
) -> None:
    second = FreeProvider("second")
    with pytest.raises(type(error)):
        await assess(chain_of(FreeProvider("first", error), second))
    assert second.calls == 0


async def test_the_next_provider_scores_when_a_budget_is_exhausted(chain_of: ChainOf) -> None:
    paid = PaidProvider("paid")
    chain = chain_of(paid, FreeProvider("free"), limits=Limits(0, 25_000))
    assert [await assess(chain) for _ in range(4)] == ["paid", "paid", "free", "free"]
    assert paid.sent == 2


async def test_an_exhausted_budget_is_reported_when_there_is_no_other_provider(chain_of: ChainOf) -> None:
    chain = chain_of(PaidProvider("paid"), limits=Limits(0, 5_000))
    with pytest.raises(BudgetExhausted) as error:
        await assess(chain)
    assert (error.value.status, error.value.code) == (429, "budget_exhausted")


async def test_every_attempt_is_reserved_and_counted(chain_of: ChainOf, redis: Redis) -> None:
    before = get_metric("speech_seconds_paid_total", provider="paid")
    chain = chain_of(PaidProvider("paid", sends=3), FreeProvider("free"), limits=Limits(0, 55_000))
    assert await assess(chain) == "paid"
    # The second recording is sent twice more; its third attempt would exceed the limit.
    assert await assess(chain) == "free"
    assert get_metric("speech_seconds_paid_total", provider="paid") == before + 50
    [month] = [key async for key in redis.scan_iter("speech_budget:month:*")]
    assert await redis.get(month) == "50000"


async def test_recordings_that_were_not_sent_are_not_charged(chain_of: ChainOf) -> None:
    before = get_metric("speech_seconds_paid_total", provider="paid")
    paid = PaidProvider("paid", ProviderUnavailable("refused"), connects=False)
    chain = chain_of(paid, FreeProvider("free"), limits=Limits(0, 10_000))
    assert [await assess(chain) for _ in range(3)] == ["free"] * 3
    assert paid.sent == 3
    assert get_metric("speech_seconds_paid_total", provider="paid") == before


async def test_without_redis_a_limited_provider_is_not_used(chain_of: ChainOf) -> None:
    paid, redis_url = PaidProvider("paid"), "redis://127.0.0.1:1/0"
    assert (
        await assess(chain_of(paid, FreeProvider("free"), limits=Limits(0, 10_000), url=redis_url)) == "free"
    )
    with pytest.raises(BudgetUnavailable):
        await assess(chain_of(paid, limits=Limits(0, 10_000), url=redis_url))
    assert paid.sent == 0
    assert await assess(chain_of(paid, url=redis_url)) == "paid"


async def test_the_failure_with_the_shortest_wait_is_returned(chain_of: ChainOf) -> None:
    short_wait, long_wait = (
        ProviderUnavailable("soon", retry_after=2),
        ProviderUnavailable("late", retry_after=15),
    )
    for failures in ((short_wait, long_wait), (long_wait, short_wait)):
        with pytest.raises(ProviderUnavailable, match="soon"):
            await assess(
                chain_of(*(FreeProvider(str(number), failure) for number, failure in enumerate(failures)))
            )


async def test_a_provider_gets_only_recordings_in_its_languages(chain_of: ChainOf) -> None:
    first = FreeProvider("first", ProviderUnavailable("down"), languages=("en-US", "en-GB"))
    second = FreeProvider("second", languages=("en-US", "en-AU"))
    chain = chain_of(first, second)
    assert chain.capabilities.languages == ("en-US", "en-GB", "en-AU")
    assert chain.capabilities.provider == "first"
    assert await assess(chain, "en-AU") == "second"
    assert first.calls == 0
    with pytest.raises(ProviderUnavailable):
        await assess(chain, "en-GB")
    assert second.calls == 1


async def test_one_available_provider_is_enough(chain_of: ChainOf) -> None:
    first, second = FreeProvider("first"), FreeProvider("second")
    chain = chain_of(first, second)
    for first.is_up, second.is_up in ((True, True), (True, False), (False, True)):
        await chain.ping()
    first.is_up = second.is_up = False
    with pytest.raises(ProviderUnavailable):
        await chain.ping()


async def test_all_providers_are_closed_even_if_one_fails(settings: ApiSettings) -> None:
    class Stuck(FreeProvider):
        async def close(self) -> None:
            raise RuntimeError

    first, last = FreeProvider("first"), FreeProvider("last")
    budget = SpeechBudget(settings.redis_url.get_secret_value(), NO_LIMITS)
    with pytest.raises(RuntimeError):
        await ProviderChain([first, Stuck("stuck"), last], budget).close()
    assert first.is_closed
    assert last.is_closed


async def test_time_and_seconds_are_measured_by_provider_and_outcome(chain_of: ChainOf) -> None:
    def list_counts() -> list[float]:
        return [
            get_metric(
                "provider_duration_seconds_count", provider="measured", outcome="provider_unavailable"
            ),
            get_metric("provider_duration_seconds_count", provider="other", outcome="scored"),
            get_metric("speech_seconds_scored_total", provider="measured"),
            get_metric("speech_seconds_scored_total", provider="other"),
        ]

    before = list_counts()
    await assess(chain_of(FreeProvider("measured", ProviderUnavailable("down")), FreeProvider("other")))
    assert [now - previous for now, previous in zip(list_counts(), before, strict=True)] == [1, 1, 0, 10]


class Busy(FreeProvider):
    """Works until `may_end` is set."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.may_end = asyncio.Event()

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        await self.may_end.wait()
        return await super().assess(recording, text=text, language=language)


async def test_the_next_provider_scores_when_a_queue_is_full(chain_of: ChainOf) -> None:
    busy = Busy("busy")
    chain = chain_of(busy, FreeProvider("free"), max_waiting=1)
    requests = [asyncio.create_task(assess(chain)) for _ in range(3)]
    assert await requests[2] == "free"
    busy.may_end.set()
    assert [await request for request in requests[:2]] == ["busy", "busy"]


async def test_when_all_queues_are_full_the_shortest_wait_is_returned(chain_of: ChainOf) -> None:
    first, second = Busy("busy-first"), Busy("busy-second")
    chain = chain_of(first, second, max_waiting=0)
    requests = [asyncio.create_task(assess(chain)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull) as excinfo:
        await assess(chain)
    assert int(excinfo.value.headers["Retry-After"]) >= 1
    with pytest.raises(QueueFull):
        chain.ensure_capacity(create_ticket(), "en-US")
    first.may_end.set()
    second.may_end.set()
    await asyncio.gather(*requests)
    chain.ensure_capacity(create_ticket(), "en-US")


async def test_a_recording_is_accepted_if_any_provider_for_its_language_has_capacity(
    chain_of: ChainOf,
) -> None:
    busy = Busy("busy-for-room")
    chain = chain_of(busy, FreeProvider("other", languages=("en-GB",)), max_waiting=0)
    request = asyncio.create_task(assess(chain))
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        chain.ensure_capacity(create_ticket(), "en-US")
    ticket = create_ticket()
    assert asyncio.get_running_loop().time() < chain.ensure_capacity(ticket, "en-GB") < ticket.deadline
    busy.may_end.set()
    await request


async def test_no_budget_is_reserved_while_waiting_in_the_queue(chain_of: ChainOf, redis: Redis) -> None:
    class BusyAndPaid(PaidProvider):
        may_end = asyncio.Event()

        async def assess_metered(
            self, recording: Recording, *, text: str, language: str, learner_id: UUID, meter: Meter
        ) -> ScoringResult:
            await self.may_end.wait()
            return await super().assess_metered(
                recording, text=text, language=language, learner_id=learner_id, meter=meter
            )

    chain = chain_of(BusyAndPaid("busy-and-paid"), limits=Limits(0, 100_000))
    requests = [asyncio.create_task(assess(chain)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert not [key async for key in redis.scan_iter("speech_budget:*")]
    requests[1].cancel()
    BusyAndPaid.may_end.set()
    await asyncio.gather(requests[0], requests[2])
    [month] = [key async for key in redis.scan_iter("speech_budget:month:*")]
    assert await redis.get(month) == "20000"


@pytest.mark.timed
async def test_the_time_in_a_queue_does_not_count_for_the_provider(chain_of: ChainOf) -> None:
    busy = Busy("queued")
    chain = chain_of(busy)
    requests = [asyncio.create_task(assess(chain)) for _ in range(5)]
    await asyncio.sleep(0.2)
    busy.may_end.set()
    await asyncio.gather(*requests)
    assert get_metric("provider_duration_seconds_sum", provider="queued", outcome="scored") < 0.4


def test_paid_providers_are_recognised() -> None:
    assert isinstance(PaidProvider("paid"), PaidSpeechProvider)
    assert not isinstance(FreeProvider("free"), PaidSpeechProvider)
