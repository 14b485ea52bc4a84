"""`/ready` of the whole system, gathered from the services."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from shared.http.health import OPTIONAL_PROBE_TIMEOUT_SECONDS
from shared.security.jwt import SigningKeys

from deploy.local.processes import ROOT
from deploy.services import DATABASE_OWNERS, SERVICES
from gateway.tests.envoy import run_gateway
from gateway.tests.stand_in import READY, StandIn, run_stand_ins

[BUDGET_MS] = re.findall(r"^local BUDGET_MS = (\d+)$", (ROOT / "gateway" / "ready.lua").read_text(), re.M)
BUDGET_SECONDS = int(BUDGET_MS) / 1000


@pytest.fixture
async def separate_stand_ins(signing_keys: SigningKeys) -> AsyncIterator[dict[str, StandIn]]:
    async with run_stand_ins(signing_keys.public) as running:
        yield running


@pytest.fixture
async def uncached_client(separate_stand_ins: dict[str, StandIn]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a new gateway, which has no cached response."""
    async with (
        run_gateway(separate_stand_ins) as gateway,
        httpx.AsyncClient(base_url=gateway.url, timeout=10) as client,
    ):
        yield client


async def test_the_system_is_ready_when_all_services_are(uncached_client: httpx.AsyncClient) -> None:
    response = await uncached_client.get("/ready")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    ready = {service.name: json.loads(READY) for service in SERVICES}
    assert response.json() == {"status": "ready", "services": ready}


@pytest.mark.parametrize(
    "status_and_body", [(503, json.dumps({"status": "not_ready", "checks": {"postgres": "down"}}))]
)
async def test_the_system_is_not_ready_when_one_service_is_not(
    status_and_body: tuple[int, str],
    uncached_client: httpx.AsyncClient,
    separate_stand_ins: dict[str, StandIn],
) -> None:
    separate_stand_ins["game"].ready = status_and_body
    response = await uncached_client.get("/ready")
    assert response.status_code == 503
    assert response.json()["status"] == "not_ready"
    assert response.json()["services"]["game"] == json.loads(status_and_body[1])
    assert response.json()["services"]["auth"]["status"] == "ready"


@pytest.mark.timed
async def test_a_service_that_is_down_or_hangs_is_not_ready(
    uncached_client: httpx.AsyncClient, separate_stand_ins: dict[str, StandIn]
) -> None:
    await separate_stand_ins["auth"].stop()
    separate_stand_ins["content"].ready_delay = 30
    separate_stand_ins["game"].ready_delay = 30
    started = time.perf_counter()
    response = await uncached_client.get("/ready")
    assert time.perf_counter() - started < BUDGET_SECONDS + 1
    assert response.status_code == 503
    states = {name: document["status"] for name, document in response.json()["services"].items()}
    unavailable = {"auth", "content", "game"}
    assert states == {s.name: "not_ready" if s.name in unavailable else "ready" for s in SERVICES}


def test_an_optional_dependency_that_hangs_leaves_every_service_ready() -> None:
    assert len(SERVICES) * OPTIONAL_PROBE_TIMEOUT_SECONDS < BUDGET_SECONDS


async def test_the_document_stays_json_for_any_response_of_a_service(
    uncached_client: httpx.AsyncClient, separate_stand_ins: dict[str, StandIn]
) -> None:
    separate_stand_ins["game"].ready = (200, json.dumps({"status": "ready", "padding": "x" * 5000}))
    response = await uncached_client.get("/ready")
    assert response.status_code == 503
    assert response.json()["services"]["game"] == {"status": "not_ready"}


async def test_frequent_requests_do_not_reach_the_services(
    uncached_client: httpx.AsyncClient, separate_stand_ins: dict[str, StandIn]
) -> None:
    started = time.monotonic()
    for _ in range(5):
        await asyncio.gather(*(uncached_client.get("/ready") for _ in range(40)))
    seconds = max(1, time.monotonic() - started)
    assert len(separate_stand_ins["scoring"].requests) <= 20 * seconds


async def test_a_response_is_cached_for_at_most_a_second(
    uncached_client: httpx.AsyncClient, separate_stand_ins: dict[str, StandIn]
) -> None:
    assert (await uncached_client.get("/ready")).status_code == 200
    separate_stand_ins["game"].ready = (503, json.dumps({"status": "not_ready", "checks": {}}))
    await asyncio.sleep(1.1)
    assert (await uncached_client.get("/ready")).status_code == 503


async def test_the_workers_have_a_separate_address(
    uncached_client: httpx.AsyncClient, separate_stand_ins: dict[str, StandIn]
) -> None:
    names = [f"{service.name}-worker" for service in DATABASE_OWNERS]
    response = await uncached_client.get("/ready/workers")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "workers": {name: json.loads(READY) for name in names}}


@pytest.mark.parametrize("failure", ["says so", "is away"])
async def test_a_worker_that_is_not_ready_is_named(
    failure: str, uncached_client: httpx.AsyncClient, separate_stand_ins: dict[str, StandIn]
) -> None:
    if failure == "says so":
        separate_stand_ins["game-worker"].ready = (503, json.dumps({"status": "not_ready"}))
    else:
        await separate_stand_ins["game-worker"].stop()
    response = await uncached_client.get("/ready/workers")
    assert response.status_code == 503
    assert response.json()["status"] == "not_ready"
    states = {name: document["status"] for name, document in response.json()["workers"].items()}
    assert {name for name, state in states.items() if state != "ready"} == {"game-worker"}
    # Requests are answered without workers, so this does not take the gateway out.
    assert (await uncached_client.get("/ready")).status_code == 200
