import asyncio
import json
from uuid import uuid4

import httpx
import pytest
from content.app import create_app
from content.settings import ApiSettings
from fastapi import FastAPI
from pydantic import SecretStr
from shared.testing import TokenFor, api_client

SPEECHES = "/api/v1/admin/speeches"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000000"
RANDOM = "/api/v1/game/speeches/random"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (SPEECHES, "GET, HEAD, POST"),
        (f"{SPEECHES}/{UNKNOWN_ID}", "DELETE, GET, HEAD, PUT"),
        ("/api/v1/tags", "GET, HEAD"),
        ("/ready", "GET, HEAD"),
    ],
)
async def test_the_error_for_a_wrong_method_lists_the_allowed_methods(
    editor: httpx.AsyncClient, path: str, methods: str
) -> None:
    response = await editor.patch(path)
    assert (response.status_code, response.headers["allow"]) == (405, methods)


async def test_a_body_without_a_json_content_type_is_refused(
    editor: httpx.AsyncClient,
) -> None:
    sent = json.dumps({"name": "food", "category": "topic"})
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        response = await editor.post(
            "/api/v1/admin/tags", content=sent, headers={"Content-Type": content_type}
        )
        assert response.status_code == 422
        assert "Content-Type: application/json" in response.json()["detail"]


async def test_the_bucket_is_created_and_the_service_is_ready(client: httpx.AsyncClient) -> None:
    for _ in range(50):
        ready = (await client.get("/ready")).json()
        if ready["checks"]["storage"] == "ok":
            break
        await asyncio.sleep(0.1)
    assert ready["status"] == "ready"
    assert ready["checks"].keys() == {"postgres", "redis", "storage", "catalogue", "recordings"}


async def test_the_api_starts_with_a_loaded_catalogue(app: FastAPI, token_for: TokenFor) -> None:
    # A gateway sends draws to a new replica as soon as its port is open.
    async with api_client(app, token=token_for(uuid4())) as client:
        assert (await client.post(RANDOM, json={"level": "A1"})).status_code == 404


async def test_the_service_returns_503_without_a_database(settings: ApiSettings, token_for: TokenFor) -> None:
    unreachable_url = SecretStr("postgresql+asyncpg://content@127.0.0.1:1/content")
    app = create_app(settings.model_copy(update={"database_url": unreachable_url}))
    async with api_client(app, token=token_for(uuid4())) as client:
        draw = await client.post(RANDOM, json={"level": "A1"})
        tags = await client.get("/api/v1/tags")
        ready = await client.get("/ready")
    assert (draw.status_code, draw.json()["code"]) == (503, "catalogue_unavailable")
    assert (tags.status_code, tags.json()["code"]) == (503, "database_unavailable")
    assert "retry-after" in draw.headers
    assert ready.status_code == 503
    assert (ready.json()["checks"]["postgres"], ready.json()["checks"]["catalogue"]) == ("down", "down")
