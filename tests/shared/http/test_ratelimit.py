import asyncio
import time
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import SecretStr
from shared.http.app import create_api
from shared.http.ratelimit import get_rate_limits, limit_per_user
from shared.security.current_user import CurrentUser
from shared.testing import TokenFor, api_client
from uuid_utils.compat import uuid7

from tests.shared.conftest import SilentServer
from tests.shared.http.demo import read_problem, router


async def test_a_limit_is_announced_counted_and_enforced(settings: Any, token_for: TokenFor) -> None:
    app = create_api(settings.model_copy(update={"rate_limit_enabled": True}), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        first = await client.get("/limited")
        assert first.headers["ratelimit-policy"] == '"limited";q=2;w=60'
        assert first.headers["ratelimit"].startswith('"limited";r=1;t=')
        await client.get("/limited")
        third = await client.get("/limited")
        read_problem(third, status=429, code="too_many_requests")
        assert 1 <= int(third.headers["retry-after"]) <= 120
        assert third.headers["ratelimit"].startswith('"limited";r=0')
        other = await client.get("/limited", headers={"Authorization": f"Bearer {token_for(uuid7())}"})
        assert other.status_code == 200


async def test_without_redis_limits_are_counted_locally_or_fail_closed(
    settings: Any, token_for: TokenFor
) -> None:
    variables = {"rate_limit_enabled": True, "redis_url": SecretStr("redis://127.0.0.1:1/0")}
    app = create_api(settings.model_copy(update=variables), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        responses = [await client.get("/limited") for _ in range(3)]
        assert [response.status_code for response in responses] == [200, 200, 429]
        read_problem(await client.get("/guarded"), status=503, code="unavailable")
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["redis"]) == (200, "down")


@pytest.mark.timed
async def test_a_silent_redis_delays_a_request_only_briefly(
    settings: Any, token_for: TokenFor, silent_server: SilentServer
) -> None:
    silent = {
        "rate_limit_enabled": True,
        "redis_url": SecretStr(f"redis://127.0.0.1:{silent_server.port}/0"),
    }
    app = create_api(settings.model_copy(update=silent), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        started = time.monotonic()
        assert (await client.get("/limited")).status_code == 200
        assert 0.2 < time.monotonic() - started < 1


@pytest.mark.timed
async def test_a_blocked_event_loop_is_not_mistaken_for_an_unavailable_redis(
    settings: Any, token_for: TokenFor
) -> None:
    async def block_loop() -> None:
        while True:
            time.sleep(0.3)  # noqa: ASYNC251 - the loop is late on purpose
            await asyncio.sleep(0)

    app = create_api(settings.model_copy(update={"rate_limit_enabled": True}), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        await client.get("/limited")
        blocking = asyncio.create_task(block_loop())
        response = await client.get("/limited")
        blocking.cancel()
    assert response.status_code == 200
    assert response.headers["ratelimit"].startswith('"limited";r=0')


def create_app(settings: Any, **options: Any) -> FastAPI:
    """An API whose request costs the units that it names, of ten a minute, and one of three requests."""
    spending = APIRouter(dependencies=[Depends(limit_per_user("requests", per_minute=3))])

    @spending.get("/spend")
    async def spend(request: Request, user: CurrentUser, cost: int) -> str:
        limits = get_rate_limits(request)
        await limits.check(request, "units", str(user.id), per_minute=10, cost=cost, unit="units")
        return "ok"

    return create_api(
        settings.model_copy(update={"rate_limit_enabled": True, **options}), spending, title="Test"
    )


async def spend(client: httpx.AsyncClient, cost: int) -> httpx.Response:
    return await client.get("/spend", params={"cost": cost})


async def test_a_request_may_cost_several_units(settings: Any, token_for: TokenFor) -> None:
    async with api_client(create_app(settings), token=token_for(uuid7())) as client:
        first = await spend(client, 7)
        assert first.headers["ratelimit-policy"] == '"requests";q=3;w=60, "units";q=10;w=60'
        assert [limit.split(";t")[0] for limit in first.headers["ratelimit"].split(", ")] == [
            '"requests";r=2',
            '"units";r=3',
        ]
        refused = await spend(client, 4)
        assert (
            "At most 10 units a minute"
            in read_problem(refused, status=429, code="too_many_requests")["detail"]
        )
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await spend(client, 3)).status_code == 200


async def test_a_cost_of_zero_checks_the_limit_without_counting(settings: Any, token_for: TokenFor) -> None:
    for redis in ({}, {"redis_url": SecretStr("redis://127.0.0.1:1/0")}):
        async with api_client(create_app(settings, **redis), token=token_for(uuid7())) as client:
            responses = [await spend(client, cost) for cost in (0, 10, 0)]
        assert [response.status_code for response in responses] == [200, 200, 429]
        assert "units" not in responses[0].headers["ratelimit"]


async def test_a_request_that_costs_more_than_the_limit_uses_all_of_it(
    settings: Any, token_for: TokenFor
) -> None:
    async with api_client(create_app(settings), token=token_for(uuid7())) as client:
        assert [(await spend(client, cost)).status_code for cost in (99, 1)] == [200, 429]


async def test_without_redis_costs_are_counted_by_each_replica(settings: Any, token_for: TokenFor) -> None:
    app = create_app(settings, redis_url=SecretStr("redis://127.0.0.1:1/0"))
    async with api_client(app, token=token_for(uuid7())) as client:
        assert [(await spend(client, cost)).status_code for cost in (7, 4, 3)] == [200, 429, 200]
