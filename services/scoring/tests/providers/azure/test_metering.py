"""Each attempt is metered, and counts only if the service was reached."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
from scoring.audio.recording import Recording
from scoring.domain.metering import SendAttempt
from scoring.errors import BudgetExhausted, SpeechProcessingError
from scoring.providers.azure.provider import AzureProvider
from scoring.providers.azure.service_breaker import ServiceBreaker
from shared.clock import utc_now
from tests.azure_double import AzureDouble
from tests.azure_double.scripts import Script
from tests.azure_double.situations import SITUATIONS
from tests.azure_provider import Provide
from tests.waiting import wait_until


class Attempts:
    """A meter that records the attempts, and refuses further ones after `limit`."""

    def __init__(self, limit: int = 10) -> None:
        self._limit, self._seen = limit, list[SendAttempt]()

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[SendAttempt]:
        if len(self._seen) == self._limit:
            raise BudgetExhausted("month", opens_at=utc_now(), retry_after=60)
        self._seen.append(SendAttempt())
        yield self._seen[-1]

    @property
    def sent(self) -> list[bool]:
        return [stream.is_sent for stream in self._seen]


async def assess(provider: AzureProvider, recording: Recording, meter: Attempts) -> None:
    await provider.assess_metered(
        recording, text="The train leaves.", language="en-US", learner_id=uuid4(), meter=meter
    )


@pytest.mark.parametrize(
    ("situation", "sent"),
    [
        ("success", [True]),
        ("throttled_once", [False, True]),
        ("cut_once", [True, True]),
        ("http_401", [False]),
        ("http_429", [False, False, False]),
        ("handshake_hung_up", [False, False, False]),
        ("handshake_never_answered", [False]),
        ("no_reply", [True]),
        ("phrase_TooManyRequests", [True, True, True]),
        ("phrase_NoMatch", [True]),
        ("no_nbest", [True]),
    ],
)
async def test_an_attempt_counts_if_the_service_was_reached(
    situation: str, sent: list[bool], double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(*SITUATIONS[situation])
    meter = Attempts()
    async with provide(timeout_seconds=4) as provider:
        with suppress(SpeechProcessingError):
            await assess(provider, recording, meter)
    assert meter.sent == sent
    received = [sum(len(turn.audio) for turn in connection.turns) > 0 for connection in double.connections]
    assert any(received) <= any(sent)


async def test_a_refusal_of_the_meter_is_final_and_not_a_failure_of_the_service(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(*SITUATIONS["http_429"])
    async with provide(breaker=ServiceBreaker(lambda: 0.0, max_failures=1)) as provider:
        with pytest.raises(BudgetExhausted):
            await assess(provider, recording, Attempts(limit=1))
        await provider.ping()
    assert double.connected == 1


async def test_a_request_without_a_slot_sends_nothing(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(Script())
    first, second = Attempts(), Attempts()
    async with provide(concurrency=1, timeout_seconds=1.5) as provider:
        calls = (assess(provider, recording, meter) for meter in (first, second))
        failures = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(failure, SpeechProcessingError) for failure in failures)
    assert (first.sent, second.sent) == ([True], [False])


async def test_a_cancelled_request_counts_from_the_connection_on(
    double: AzureDouble, provide: Provide, recording: Recording
) -> None:
    double.play(*SITUATIONS["handshake_never_answered"], Script())
    meter = Attempts()
    async with provide() as provider:
        for reached in (lambda: double.connected, lambda: double.turns):
            request = asyncio.create_task(assess(provider, recording, meter))
            await wait_until(reached)
            await asyncio.sleep(0.3)
            request.cancel()
            with suppress(asyncio.CancelledError):
                await request
    assert meter.sent == [False, True]
