import asyncio
import os
import signal
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from scoring.app import create_app
from scoring.audio.recording import Recording
from scoring.budget import SpeechBudget
from scoring.domain.budgets import Limits
from scoring.domain.scores import ScoringResult
from scoring.errors import ProviderUnavailable
from scoring.providers import Capabilities
from scoring.providers.chain import ProviderChain
from scoring.settings import ApiSettings
from shared.confined.worker import Worker
from shared.testing import api_client
from tests.waiting import wait_until

TEXT = "The train leaves at seven in the morning."


class StandInProvider:
    """Records how it is used."""

    capabilities = Capabilities("stand-in", "stand-in-1", ("en-US",), "ipa", prosody=True, max_seconds=60)
    loops = ()
    concurrency = 1

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_up = True

    async def start(self) -> None:
        self.calls.append("start")

    async def close(self) -> None:
        self.calls.append("close")

    async def ping(self) -> None:
        self.calls.append("ping")
        if not self.is_up:
            raise ProviderUnavailable("The stand-in is down.")

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        raise NotImplementedError


async def post(client: httpx.AsyncClient, audio: bytes) -> httpx.Response:
    return await client.post(
        "/api/v1/speech/score", files={"audio": ("speech", audio)}, data={"reference_text": TEXT}
    )


async def test_the_provider_lives_as_long_as_the_api(
    settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = StandInProvider()
    providers = ProviderChain([provider], SpeechBudget("redis://127.0.0.1:1/0", Limits(0, 0)))
    monkeypatch.setattr("scoring.app.create_provider", lambda _: providers)
    async with api_client(create_app(settings)) as client:
        assert provider.calls == ["start", "ping"]
        assert (await client.get("/ready")).json()["checks"]["provider"] == "ok"
        provider.is_up = False
        assert (await client.get("/ready")).status_code == 503
    assert provider.calls == ["start", "ping", "ping", "ping", "close"]


async def test_the_api_opens_its_port_when_it_can_score(settings: ApiSettings) -> None:
    # A gateway sends recordings to a new replica as soon as its port is open.
    async with api_client(create_app(settings)) as client:
        assert (await client.get("/ready")).json()["checks"].items() >= {
            "provider": "ok",
            "decoders": "ok",
        }.items()


async def test_each_of_several_providers_is_reported_and_one_is_enough(
    settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = StandInProvider(), StandInProvider()
    second.capabilities = replace(second.capabilities, provider="other")
    providers = ProviderChain([first, second], SpeechBudget("redis://127.0.0.1:1/0", Limits(0, 0)))
    monkeypatch.setattr("scoring.app.create_provider", lambda _: providers)
    async with api_client(create_app(settings)) as client:
        first.is_up = False
        assert await read_provider_checks(client) == ["ok", "down", "ok"]
        second.is_up = False
        assert await read_provider_checks(client) == ["down", "down", "down"]
        assert (await client.get("/ready")).status_code == 503


async def read_provider_checks(client: httpx.AsyncClient) -> list[str]:
    checks = (await client.get("/ready")).json()["checks"]
    return [checks[name] for name in ("provider", "provider_stand-in", "provider_other")]


async def test_killed_workers_make_the_api_unready_until_they_are_replaced(
    app: FastAPI, client: httpx.AsyncClient, reading: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = app.state.providers.providers[0]._workers
    await wait_until(lambda: len(workers._alive) == 2)
    assert (await client.get("/ready")).json()["checks"]["provider"] == "ok"
    start_worker, may_start = workers._start_worker, asyncio.Event()

    async def start_later() -> Worker:
        await may_start.wait()
        worker: Worker = await start_worker()
        return worker

    # Otherwise the first one would be replaced before the second one has ended.
    monkeypatch.setattr(workers, "_start_worker", start_later)
    killed = {worker.process for worker in workers._alive}
    for process in killed:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    assert (await client.get("/ready")).status_code == 503
    may_start.set()
    assert (await post(client, reading)).status_code == 200
    assert (await client.get("/ready")).json()["checks"]["provider"] == "ok"
