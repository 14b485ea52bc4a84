"""The operators' view of a worker: /health, /ready and /metrics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from contracts.content import SpeechCreated, SpeechImported
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from shared.background import Loop
from shared.data.db import Database
from shared.messaging.jobs import PREFETCH, Effect
from shared.messaging.worker import build_worker, limit_deliveries
from shared.settings import MessagingSettings
from structlog.testing import capture_logs

from shared import background
from tests.shared.messaging.messages import record_unknown, save


@asynccontextmanager
async def open_client(settings: MessagingSettings, *loops: Loop) -> AsyncIterator[httpx.AsyncClient]:
    worker = build_worker(settings, service="demo", subscriptions={}, loops=lambda _: loops)
    transport = httpx.ASGITransport(worker)
    async with (
        worker.router.lifespan_context(worker),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


async def read_metrics(client: httpx.AsyncClient) -> dict[str, float]:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def without_broker(settings: MessagingSettings) -> MessagingSettings:
    return settings.model_copy(update={"rabbitmq_url": SecretStr("amqp://guest:guest@127.0.0.1:1/")})


async def test_the_outbox_is_counted_while_the_broker_is_down(
    committed_database: Database, worker_settings: MessagingSettings
) -> None:
    await save(committed_database, times=600)
    await record_unknown(committed_database, parked=True)
    async with open_client(without_broker(worker_settings)) as client:
        before = await read_metrics(client)
        await asyncio.sleep(1)
        after = await read_metrics(client)
    assert (before["outbox_pending"], after["outbox_pending"]) == (600, 600)
    assert after["outbox_oldest_seconds"] >= before["outbox_oldest_seconds"] + 1
    assert after["outbox_parked"] == 1


async def test_the_outbox_is_unknown_while_the_database_is_down(worker_settings: MessagingSettings) -> None:
    unreachable = SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    settings = without_broker(worker_settings).model_copy(update={"database_url": unreachable})
    async with open_client(settings) as client:
        metrics = await read_metrics(client)
    assert metrics["outbox_pending"] != metrics["outbox_pending"]  # NaN


async def test_a_worker_is_alive_but_not_ready_while_the_broker_is_down(
    worker_settings: MessagingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "MAX_FAILING_SECONDS", 0.0)
    async with open_client(without_broker(worker_settings)) as client:
        await asyncio.sleep(1)
        health, ready = await client.get("/health"), await client.get("/ready")
    assert health.status_code == 200
    assert ready.status_code == 503
    assert ready.json()["checks"] == {"postgres": "ok", "rabbitmq": "down"}


@pytest.mark.parametrize(("required", "status", "code"), [(True, "failing", 503), (False, "ok", 200)])
async def test_health_names_the_dead_loops(
    worker_settings: MessagingSettings,
    monkeypatch: pytest.MonkeyPatch,
    required: bool,
    status: str,
    code: int,
) -> None:
    monkeypatch.setattr(background, "MAX_FAILING_SECONDS", 0.1)

    async def fail() -> None:
        raise ValueError("a bug")

    broken = Loop(name="broken", work=fail, interval_seconds=1.0, max_retry_seconds=0.05, required=required)
    with capture_logs() as logs:
        async with open_client(worker_settings, broken) as client:
            await asyncio.sleep(0.5)
            health, ready = await client.get("/health"), await client.get("/ready")
    assert health.status_code == code
    assert health.json() == {"status": status, "loops": ["broken"]}
    assert ready.status_code == 200
    assert {"broken_failed", "not_healthy"} <= {entry["event"] for entry in logs}


async def do_nothing(*_: object) -> None:
    pass


def test_large_events_are_processed_one_at_a_time() -> None:
    assert limit_deliveries(SpeechImported, do_nothing) == 1
    assert limit_deliveries(SpeechCreated, do_nothing) == PREFETCH
    assert limit_deliveries(SpeechCreated, Effect(do_nothing, max_concurrent=3)) == 3
