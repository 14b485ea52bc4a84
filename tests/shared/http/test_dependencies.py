from typing import Any

import httpx
from pydantic import SecretStr
from shared.http.app import create_api
from shared.testing import api_client

from tests.shared.http.demo import read_problem, router


async def test_an_unavailable_database_is_a_503(settings: Any) -> None:
    unreachable = settings.model_copy(
        update={"database_url": SecretStr("postgresql+asyncpg://x:x@127.0.0.1:1/x")}  # nothing listens there
    )
    async with api_client(create_api(unreachable, router, title="Test")) as client:
        response = await client.get("/row")
        read_problem(response, status=503, code="database_unavailable")
        assert response.headers["retry-after"]
        assert (await client.get("/ready")).status_code == 503


async def test_the_database_is_used(client: httpx.AsyncClient) -> None:
    assert (await client.get("/row")).json() == 7
