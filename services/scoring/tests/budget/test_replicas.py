"""Two processes of the API on one Redis never exceed the limits together."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis
from scoring.audio.recording import Recording
from scoring.settings import ApiSettings
from shared.testing import TokenFor
from tests.api_process import SCORE, build_environment, run_api
from tests.azure_double import KEY, AzureDouble
from tests.azure_double.scripts import refuses, reset_connection, scores

TEXT = "The train leaves at seven in the morning."
AT_ONCE = 16
"""Requests under way at the same time, over both processes."""


@dataclass(frozen=True)
class Replicas:
    """Two processes, the double of the paid service, and the learners' responses."""

    azure: AzureDouble
    clients: tuple[httpx.AsyncClient, ...]
    redis: Redis
    token_for: TokenFor
    reading: bytes

    async def score_all(self, learners: list[UUID]) -> list[httpx.Response]:
        """Score one recording of each learner, with the processes in turn."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def score(client: httpx.AsyncClient, learner: UUID) -> httpx.Response:
            headers = {"Authorization": f"Bearer {self.token_for(learner)}"}
            async with slots:
                return await client.post(
                    SCORE,
                    files={"audio": ("reading.wav", self.reading)},
                    data={"reference_text": TEXT},
                    headers=headers,
                )

        return await asyncio.gather(*map(score, cycle(self.clients), learners))

    async def get_paid_seconds(self) -> list[float]:
        """Return the seconds in the metrics of each process."""
        return [_get_paid_seconds((await client.get("/metrics")).text) for client in self.clients]

    async def get_counted_ms(self, period: str) -> list[int]:
        """Return the counters of days, or that of the month."""
        keys = [key async for key in self.redis.scan_iter(f"speech_budget:{period}:*")]
        return [int(value or 0) for value in await self.redis.mget(keys)]

    @property
    def received_seconds(self) -> float:
        return sum(turn.audio_bytes for turn in self.azure.turns) / 32_000


def _get_paid_seconds(metrics: str) -> float:
    families = text_string_to_metric_families(metrics)
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == "speech_seconds_paid_total")


type StartReplicas = Callable[..., Any]


@pytest.fixture
def start_replicas(settings: ApiSettings, token_for: TokenFor, redis: Redis, reading: bytes) -> StartReplicas:
    """Runs both processes: `async with start_replicas(SPEECH_MONTHLY_SECONDS=30) as replicas`."""

    @asynccontextmanager
    async def start(**limits: int) -> AsyncIterator[Replicas]:
        async with AsyncExitStack() as stack:
            azure = await stack.enter_async_context(AzureDouble().listen())
            azure_variables = {
                "SPEECH_PROVIDER": "azure",
                "AZURE_SPEECH_KEY": KEY,
                "AZURE_SPEECH_ENDPOINT": azure.url,
            }
            azure_variables |= {"SCORING_LEARNER_RECORDINGS": str(AT_ONCE)}
            azure_variables |= {name: str(seconds) for name, seconds in limits.items()}
            clients = []
            for _ in range(2):
                variables = build_environment(settings, **azure_variables)
                stack.enter_context(run_api(variables))
                url = f"http://127.0.0.1:{variables['PORT']}"
                clients.append(await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60)))
            yield Replicas(azure, tuple(clients), redis, token_for, reading)

    return start


def to_ends(responses: list[httpx.Response]) -> Counter[str]:
    """Count the responses by their provider or their error."""
    return Counter(
        body.get("provider") or body["code"] for body in (response.json() for response in responses)
    )


async def test_two_processes_share_the_monthly_limit(
    start_replicas: StartReplicas, recording: Recording
) -> None:
    affordable = math.floor(30 / recording.seconds)
    async with start_replicas(SPEECH_MONTHLY_SECONDS=30) as replicas:
        responses = await replicas.score_all([uuid4() for _ in range(48)])
        assert to_ends(responses) == {"azure": affordable, "budget_exhausted": 48 - affordable}
        assert {response.json()["budget"] for response in responses if response.status_code == 429} == {
            "month"
        }
        assert replicas.received_seconds == pytest.approx(affordable * recording.seconds)
        paid = await replicas.get_paid_seconds()
        assert all(paid)
        assert sum(paid) == pytest.approx(affordable * recording.seconds)
        assert await replicas.get_counted_ms("month") == [affordable * math.ceil(recording.seconds * 1000)]


async def test_two_processes_share_the_daily_limits(
    start_replicas: StartReplicas, recording: Recording
) -> None:
    affordable = math.floor(10 / recording.seconds)
    ada, bob = uuid4(), uuid4()
    async with start_replicas(SPEECH_DAILY_SECONDS_PER_LEARNER=10) as replicas:
        # Twice each, so that the requests of both reach both processes.
        responses = await replicas.score_all([ada, ada, bob, bob] * 6)
        assert to_ends(responses) == {"azure": 2 * affordable, "budget_exhausted": 24 - 2 * affordable}
        assert {response.json()["budget"] for response in responses if response.status_code == 429} == {
            "learner_day"
        }
        assert replicas.received_seconds == pytest.approx(2 * affordable * recording.seconds)
        spent_ms = affordable * math.ceil(recording.seconds * 1000)
        assert await replicas.get_counted_ms("day") == [spent_ms, spent_ms]


async def test_failed_attempts_count_only_if_they_were_sent(
    start_replicas: StartReplicas, recording: Recording
) -> None:
    affordable = math.floor(30 / recording.seconds)
    # A refused recording was not sent; an interrupted one is paid for and sent again.
    service = [refuses(503), scores(), reset_connection(after_bytes=16_000), scores()]
    async with start_replicas(SPEECH_MONTHLY_SECONDS=30) as replicas:
        replicas.azure.play(*islice(cycle(service), 200))
        ends = to_ends(await replicas.score_all([uuid4() for _ in range(48)]))
        attempts = len(replicas.azure.turns)
        assert 0 < ends["azure"] < attempts <= affordable
        assert ends["budget_exhausted"] > 0
        assert replicas.received_seconds <= 30
        assert sum(await replicas.get_paid_seconds()) == pytest.approx(attempts * recording.seconds)
        assert await replicas.get_counted_ms("month") == [attempts * math.ceil(recording.seconds * 1000)]
