"""Services that fail, clients that misbehave, and floods."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.tests.envoy import Gateway, run_gateway
from gateway.tests.problems import read_problem
from gateway.tests.raw import trickle
from gateway.tests.stand_in import StandIn

pytestmark = pytest.mark.timed

SHORT_TIMEOUTS = {
    "timeout: 5s": "timeout: 0.3s",
    "timeout: 20s": "timeout: 0.9s",
    "idle_timeout: 25s": "idle_timeout: 0.9s",
    "request_headers_timeout: 10s": "request_headers_timeout: 0.3s",
    "max_stream_duration: 120s": "max_stream_duration: 1.2s",
    "stream_idle_timeout: 30s": "stream_idle_timeout: 1.5s",
}


@pytest.fixture(scope="module")
async def impatient_gateway(stand_ins: dict[str, StandIn]) -> AsyncIterator[Gateway]:
    """A gateway with short timeouts."""
    async with run_gateway(stand_ins, changes=SHORT_TIMEOUTS) as running:
        yield running


def _count_attempts(service: StandIn, marker: str) -> int:
    return sum(marker in request.target for request in service.requests)


@pytest.mark.parametrize(
    ("method", "attempts"), [("GET", 3), ("HEAD", 3), ("POST", 1), ("PUT", 1), ("DELETE", 1)]
)
async def test_only_safe_requests_are_retried(
    method: str,
    attempts: int,
    client: httpx.AsyncClient,
    bearer: dict[str, str],
    stand_ins: dict[str, StandIn],
) -> None:
    response = await client.request(method, f"/api/v1/users/me?drop=1&by={method}", headers=bearer)
    assert response.status_code == 503
    assert _count_attempts(stand_ins["auth"], f"by={method}") == attempts


async def test_a_request_with_a_response_is_never_retried(
    client: httpx.AsyncClient, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    await client.get("/api/v1/users/me?status=503&by=answer", headers=bearer)
    assert _count_attempts(stand_ins["auth"], "by=answer") == 1


async def test_a_slow_service_is_timed_out(
    impatient_gateway: Gateway, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    async with httpx.AsyncClient(base_url=impatient_gateway.url) as client:
        response = await client.get("/api/v1/game/stats?delay=5&by=slow", headers=bearer)
    assert response.status_code == 504
    assert read_problem(response)["code"] == "timed_out"
    assert _count_attempts(stand_ins["game"], "by=slow") == 1


@pytest.mark.parametrize(
    ("method", "address"), [("POST", "/api/v1/speech/score"), ("GET", "/api/v1/users/me/export")]
)
async def test_scoring_and_the_export_may_take_longer(
    method: str, address: str, impatient_gateway: Gateway, bearer: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=impatient_gateway.url) as client:
        fast_response = await client.request(method, f"{address}?delay=0.6", headers=bearer)
        slow_response = await client.request(method, f"{address}?delay=5", headers=bearer)
    assert (fast_response.status_code, slow_response.status_code) == (200, 504)


async def test_an_export_may_last_as_long_as_its_reader_reads(
    impatient_gateway: Gateway, bearer: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=impatient_gateway.url) as client:
        response = await client.get("/api/v1/users/me/export?delay=0.6&pause=0.6", headers=bearer)
        assert len(response.json()["filler"]) == 0
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/api/v1/users/me/export?pause=5", headers=bearer)


async def test_slow_headers_are_refused(impatient_gateway: Gateway) -> None:
    response, seconds = await trickle(impatient_gateway, b"GET /health HTTP/1.1\r\n", b"a: b\r\n")
    assert read_problem(response)["code"] == "request_timeout"
    assert seconds < 2


async def test_a_slow_body_is_refused(impatient_gateway: Gateway) -> None:
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    response, seconds = await trickle(impatient_gateway, head, b"x")
    assert read_problem(response)["code"] == "request_timeout"
    assert seconds < 3


async def test_a_body_that_stops_halfway_is_refused(impatient_gateway: Gateway) -> None:
    head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    response, _ = await trickle(impatient_gateway, head, b"")
    assert read_problem(response)["code"] == "request_timeout"


async def test_a_flood_from_one_address_is_limited(stand_ins: dict[str, StandIn]) -> None:
    async with (
        run_gateway(stand_ins, FLOOD_REQUESTS_PER_MINUTE="30") as gateway,
        httpx.AsyncClient(base_url=gateway.url) as client,
    ):
        responses = [await client.get("/api/v1/tags") for _ in range(40)]
    refused = [response for response in responses if response.status_code == 429]
    assert 5 <= len(refused) <= 15
    assert read_problem(refused[0])["code"] == "too_many_requests"
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60


async def test_the_flood_limit_counts_each_address_separately(stand_ins: dict[str, StandIn]) -> None:
    async with (
        run_gateway(stand_ins, FLOOD_REQUESTS_PER_MINUTE="30", TRUSTED_HOPS="1") as gateway,
        httpx.AsyncClient(base_url=gateway.url) as client,
    ):

        async def collect_statuses(address: str) -> set[int]:
            responses = [
                await client.get("/api/v1/tags", headers={"X-Forwarded-For": address}) for _ in range(40)
            ]
            return {response.status_code for response in responses}

        assert await collect_statuses("203.0.113.1") == {200, 429}
        response = await client.get("/api/v1/tags", headers={"X-Forwarded-For": "203.0.113.2"})
        assert response.status_code == 200
        assert stand_ins["content"].requests[-1].list_values("x-forwarded-for") == ["203.0.113.2"]
        assert await collect_statuses("2001:db8::1") == {200, 429}
        neighbour = await client.get("/api/v1/tags", headers={"X-Forwarded-For": "2001:db8::ffff"})
        assert neighbour.status_code == 429
