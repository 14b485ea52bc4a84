from typing import Any

import pytest
from shared.http.app import create_api
from shared.http.health import Check
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
