"""Two API processes that share a database and Redis."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import httpx
import pytest
from auth.app import create_app
from auth.models import RefreshToken, RefreshTokenFamily, User
from auth.settings import ApiSettings
from fastapi import FastAPI
from shared.data.db import Database
from shared.http.ratelimit import get_client_address
from shared.testing import api_client
from sqlalchemy import select

LOGIN, REFRESH = "/api/v1/auth/login", "/api/v1/auth/refresh"

type Replicas = list[httpx.AsyncClient]


@pytest.fixture
def apps(settings: ApiSettings, committed_database: Database) -> list[FastAPI]:
    """Two processes with rate limits; each request comes from a new address."""
    limited = settings.model_copy(update={"rate_limit_enabled": True})
    apps = [create_app(limited) for _ in range(2)]
    for app in apps:
        app.dependency_overrides[get_client_address] = lambda: uuid4().hex
    return apps


@pytest.fixture
async def replicas(apps: list[FastAPI]) -> AsyncIterator[Replicas]:
    async with api_client(apps[0]) as one, api_client(apps[1]) as other:
        yield [one, other]


@pytest.fixture
async def unlimited_replicas(settings: ApiSettings, committed_database: Database) -> AsyncIterator[Replicas]:
    """Two processes without rate limits: a session may be refreshed a hundred times a minute."""
    async with api_client(create_app(settings)) as one, api_client(create_app(settings)) as other:
        yield [one, other]


async def send_concurrently(replicas: Replicas, path: str, body: dict[str, str]) -> list[httpx.Response]:
    """Send a hundred requests, ten at a time to each process: more would wait for connections."""
    responses: list[httpx.Response] = []
    for _ in range(5):
        requests = (replicas[number % 2].post(path, json=body) for number in range(20))
        responses += await asyncio.gather(*requests)
    return responses


async def test_parallel_uses_of_one_token_leave_one_active_token(
    unlimited_replicas: Replicas, committed_database: Database, open_account: Callable[..., Awaitable[User]]
) -> None:
    user = await open_account(committed_database)
    credentials = {"email": user.email, "password": "Correct4Horse"}
    signed_in = (await unlimited_replicas[0].post(LOGIN, json=credentials)).json()
    responses = await send_concurrently(
        unlimited_replicas, REFRESH, {"refresh_token": signed_in["refresh_token"]}
    )
    assert Counter(response.status_code for response in responses) == {200: 100}
    (successor,) = {response.json()["refresh_token"] for response in responses}
    async with committed_database.transaction() as session:
        (family,) = await session.scalars(select(RefreshTokenFamily))
        tokens = list(await session.scalars(select(RefreshToken)))
    assert family.revoked_at is None
    assert [token.used_at is None for token in tokens].count(True) == 1
    again = await unlimited_replicas[1].post(REFRESH, json={"refresh_token": successor})
    assert again.status_code == 200


async def test_replicas_share_the_limit_of_an_account(replicas: Replicas) -> None:
    unknown = {"email": f"{uuid4().hex}@example.com", "password": "Wrong4Horse"}
    responses = await send_concurrently(replicas, LOGIN, unknown)
    assert Counter(response.status_code for response in responses) == {401: 10, 429: 90}


async def test_replicas_share_the_limit_of_a_client_address(apps: list[FastAPI], replicas: Replicas) -> None:
    address = uuid4().hex
    for app in apps:
        app.dependency_overrides[get_client_address] = lambda: address
    responses = await send_concurrently(replicas, LOGIN, {})
    assert Counter(response.status_code for response in responses) == {422: 10, 429: 90}
