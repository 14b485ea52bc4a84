"""Sign-ons to the panel share their limits with sign-ins to the API."""

import time
from uuid import uuid4

import httpx
import pytest
from auth.app import create_app
from auth.models import User
from auth.settings import ApiSettings
from fastapi import FastAPI
from pydantic import SecretStr
from shared.data.db import Database
from shared.http.ratelimit import get_client_address
from shared.testing import api_client

SIGN_ON, LOGIN = "/admin/login", "/api/v1/auth/login"
WRONG = "Wrong4Horse"
OWN = {"Origin": "http://test"}


@pytest.fixture
def limited(settings: ApiSettings, database: Database) -> FastAPI:
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True}))
    app.state.database = database
    address = uuid4().hex
    app.dependency_overrides[get_client_address] = lambda: address
    return app


async def attempt(client: httpx.AsyncClient, email: str, password: str = WRONG) -> httpx.Response:
    return await client.post(SIGN_ON, data={"email": email, "password": password}, headers=OWN)


async def test_panel_and_api_share_the_limit_of_a_client_address(limited: FastAPI) -> None:
    async with api_client(limited) as client:
        for _ in range(5):
            await client.post(LOGIN, json={})
        statuses = [(await attempt(client, f"{uuid4().hex}@example.com")).status_code for _ in range(5)]
        assert statuses == [401] * 5
        refused = await attempt(client, f"{uuid4().hex}@example.com")
        assert (refused.status_code, "try again in" in refused.text) == (429, True)
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.post(LOGIN, json={})).status_code == 429


async def test_panel_and_api_share_the_limit_of_an_account(limited: FastAPI, admin_user: User) -> None:
    limited.dependency_overrides[get_client_address] = lambda: uuid4().hex
    async with api_client(limited) as client:
        statuses = [(await attempt(client, str(admin_user.email))).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        assert (await attempt(client, str(admin_user.email).upper(), "Correct4Horse")).status_code == 429
        body = {"email": admin_user.email, "password": "Correct4Horse"}
        assert (await client.post(LOGIN, json=body)).status_code == 429


async def test_attempts_by_strangers_do_not_lock_out_the_owner(limited: FastAPI, admin_user: User) -> None:
    async with api_client(limited) as client:
        assert (await attempt(client, str(admin_user.email), "Correct4Horse")).status_code == 303
        get_known_address = limited.dependency_overrides[get_client_address]
        limited.dependency_overrides[get_client_address] = lambda: uuid4().hex
        for _ in range(11):
            await attempt(client, str(admin_user.email))
        limited.dependency_overrides[get_client_address] = get_known_address
        assert (await attempt(client, str(admin_user.email), "Correct4Horse")).status_code == 303


async def test_the_sign_on_is_unavailable_without_redis(
    settings: ApiSettings, database: Database, admin_user: User
) -> None:
    variables = {"rate_limit_enabled": True, "redis_url": SecretStr("redis://127.0.0.1:1/0")}
    app = create_app(settings.model_copy(update=variables))
    app.state.database = database
    async with api_client(app) as client:
        response = await attempt(client, str(admin_user.email), "Correct4Horse")
        assert response.status_code == 503
        assert response.headers["content-type"].startswith("text/html")
        assert "set-cookie" not in response.headers


@pytest.mark.timed
async def test_the_response_time_does_not_reveal_whether_an_account_exists(
    app: FastAPI, admin_user: User, user: User
) -> None:
    times: dict[str, list[float]] = {
        str(admin_user.email): [],
        str(user.email): [],
        "stranger@example.com": [],
    }
    async with api_client(app) as client:
        # The fastest of alternating attempts: other load on the machine affects all accounts alike.
        for _ in range(7):
            for email, durations in times.items():
                started = time.perf_counter()
                assert (await attempt(client, email)).status_code == 401
                durations.append(time.perf_counter() - started)
    quickest = [min(durations) for durations in times.values()]
    assert max(quickest) < 1.7 * min(quickest)
