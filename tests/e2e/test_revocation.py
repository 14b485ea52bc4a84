"""A revocation in auth takes effect in every other service within two seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journey import Learner

pytestmark = [pytest.mark.journey, pytest.mark.timed]

SEEN_WITHIN_SECONDS = 2.0
PASSWORD = "Correct4Horse"

type Send = Callable[[], Awaitable[httpx.Response]]


async def wait_for_refusal(send: Send) -> httpx.Response:
    """Repeat a request until the response is 401, and return it."""
    started = time.monotonic()
    while (response := await send()).status_code != 401:
        assert time.monotonic() - started < SEEN_WITHIN_SECONDS, response.text
        await asyncio.sleep(0.05)
    return response


@pytest.fixture
async def account(gateway: httpx.AsyncClient) -> dict[str, Any]:
    body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Ada"}
    registered: dict[str, Any] = (await gateway.post("/api/v1/auth/register", json=body)).json()
    return registered


def to_bearer_header(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def get_uses(gateway: httpx.AsyncClient, tokens: dict[str, Any]) -> list[Send]:
    """One request to each service except auth."""
    headers = to_bearer_header(tokens)
    score = {"reference_text": "Hello."}
    return [
        lambda: gateway.get("/api/v1/game/stats", headers=headers),
        lambda: gateway.post("/api/v1/game/speeches/random", json={"level": "A1"}, headers=headers),
        lambda: gateway.post("/api/v1/speech/score", data=score, files={"audio": b"x"}, headers=headers),
        lambda: gateway.get("/api/v1/speech/capabilities", headers=headers),
    ]


async def give_role(admin: Learner, user_id: str, role: str) -> None:
    response = await admin.client.put(
        f"/api/v1/admin/users/{user_id}/role", json={"role": role}, headers=admin.headers
    )
    assert response.status_code == 200, response.text


async def refresh(gateway: httpx.AsyncClient, tokens: dict[str, Any]) -> dict[str, Any]:
    response = await gateway.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert response.status_code == 200, response.text
    refreshed: dict[str, Any] = response.json()
    return refreshed


async def test_a_demoted_editor_creates_no_tags(
    gateway: httpx.AsyncClient, admin: Learner, account: dict[str, Any]
) -> None:
    await give_role(admin, account["user"]["id"], "editor")
    editor = await refresh(gateway, account)

    async def create_tag() -> httpx.Response:
        tag = {"name": uuid4().hex, "category": "topic"}
        return await gateway.post("/api/v1/admin/tags", json=tag, headers=to_bearer_header(editor))

    assert (await create_tag()).status_code == 201
    await give_role(admin, account["user"]["id"], "learner")
    response = await wait_for_refusal(create_tag)
    assert response.headers["www-authenticate"].startswith("Bearer")
    learner = await refresh(gateway, editor)
    assert [(await use()).status_code for use in get_uses(gateway, learner)[:2]] == [200, 200]
    assert (await gateway.get("/api/v1/admin/tags", headers=to_bearer_header(learner))).status_code == 403


async def test_a_deleted_learner_is_refused_by_every_service(
    gateway: httpx.AsyncClient, account: dict[str, Any]
) -> None:
    uses = get_uses(gateway, account)
    assert 401 not in [(await use()).status_code for use in uses]
    assert (await gateway.delete("/api/v1/users/me", headers=to_bearer_header(account))).status_code == 204
    for use in uses:
        await wait_for_refusal(use)


async def test_a_new_password_ends_the_users_other_sessions_in_every_service(
    gateway: httpx.AsyncClient, account: dict[str, Any]
) -> None:
    credentials = {"email": account["user"]["email"], "password": PASSWORD}
    other = (await gateway.post("/api/v1/auth/login", json=credentials)).json()
    change = {"current_password": PASSWORD, "new_password": "Another5Horse"}
    response = await gateway.put("/api/v1/users/me/password", json=change, headers=to_bearer_header(account))
    assert response.status_code == 204, response.text
    for use in get_uses(gateway, other):
        await wait_for_refusal(use)
    assert 401 not in [(await use()).status_code for use in get_uses(gateway, account)]


async def test_signing_out_ends_the_session_in_every_service(
    gateway: httpx.AsyncClient, account: dict[str, Any]
) -> None:
    await gateway.post("/api/v1/auth/logout", json={"refresh_token": account["refresh_token"]})
    for use in get_uses(gateway, account):
        await wait_for_refusal(use)
