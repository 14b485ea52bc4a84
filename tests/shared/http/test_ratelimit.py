from typing import Any

from pydantic import SecretStr
from shared.http.app import create_api
from shared.testing import TokenFor, api_client
from uuid_utils.compat import uuid7

from tests.shared.http.demo import problem_of, router


async def test_a_limit_is_announced_counted_and_enforced(settings: Any, token_for: TokenFor) -> None:
    app = create_api(settings.model_copy(update={"rate_limit_enabled": True}), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        first = await client.get("/limited")
        assert first.headers["ratelimit-policy"] == '"limited";q=2;w=60'
        assert first.headers["ratelimit"].startswith('"limited";r=1;t=')
        await client.get("/limited")
        third = await client.get("/limited")
        problem_of(third, status=429, code="too_many_requests")
        assert 1 <= int(third.headers["retry-after"]) <= 120
        assert third.headers["ratelimit"].startswith('"limited";r=0')
        other = await client.get("/limited", headers={"Authorization": f"Bearer {token_for(uuid7())}"})
        assert other.status_code == 200


async def test_without_redis_limits_fail_open_and_guards_fail_closed(
    settings: Any, token_for: TokenFor
) -> None:
    away = {"rate_limit_enabled": True, "redis_url": SecretStr("redis://127.0.0.1:1/0")}
    app = create_api(settings.model_copy(update=away), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        assert (await client.get("/limited")).status_code == 200
        problem_of(await client.get("/guarded"), status=503, code="unavailable")
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["redis"]) == (200, "down")
