import asyncio
from typing import Any

import pytest
from shared.http.app import create_api
from shared.http.health import Check, run_check
from shared.testing import api_client

from tests.shared.http.demo import router


@pytest.mark.timed
async def test_readiness_names_each_dependency(settings: Any) -> None:
    app = create_api(settings, router, title="Test")
    async with api_client(app) as client:
        ready = await client.get("/ready")
        assert ready.json() == {"status": "ready", "checks": {"redis": "ok", "postgres": "ok"}}

        async def fail() -> None:
            raise OSError("at 10.0.0.1 with password x")

        app.state.checks["speech"] = Check(fail, required=False)
        assert (await client.get("/ready")).json()["status"] == "ready"
        app.state.checks["disk"] = Check(fail)
        broken = await client.get("/ready")
        assert (broken.status_code, broken.json()["checks"]["disk"]) == (503, "down")
        assert "password" not in broken.text


async def test_an_optional_dependency_that_hangs_is_down_sooner_than_a_required_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.http.health.OPTIONAL_PROBE_TIMEOUT_SECONDS", 0.01)
    ended = list[str]()

    async def hang() -> None:
        await asyncio.Event().wait()

    async def check(name: str, *, required: bool) -> None:
        assert not await run_check(Check(hang, required=required))
        ended.append(name)

    await asyncio.gather(check("required", required=True), check("optional", required=False))
    assert ended == ["optional", "required"]
