import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from auth.app import create_app
from auth.models import User
from auth.passwords.hasher import PasswordHasher
from auth.settings import ApiSettings
from fastapi import FastAPI, Request
from pydantic import SecretStr
from redis.asyncio import Redis
from shared.data.db import Database
from shared.http.ratelimit import get_client_address
from shared.testing import api_client
from structlog.testing import capture_logs

REGISTER, LOGIN = "/api/v1/auth/register", "/api/v1/auth/login"
REFRESH, ME = "/api/v1/auth/refresh", "/api/v1/users/me"


def get_error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.fixture
def limited(settings: ApiSettings, database: Database) -> FastAPI:
    """The service with rate limits, for a new client address."""
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True}))
    app.state.database = database
    address = uuid4().hex
    app.dependency_overrides[get_client_address] = lambda: address
    return app


async def test_sign_ins_from_one_address_are_limited(limited: FastAPI) -> None:
    async with api_client(limited) as client:
        for _ in range(10):
            assert (await client.post(LOGIN, json={})).status_code == 422
        response = await client.post(LOGIN, json={})
        assert get_error(response) == (429, "too_many_requests")
        assert int(response.headers["retry-after"]) >= 1


async def test_sign_ins_to_one_account_are_limited_from_all_addresses(
    limited: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reject(self: PasswordHasher, password: str, hashed: str | None) -> tuple[bool, None]:
        return False, None

    monkeypatch.setattr(PasswordHasher, "verify", reject)
    limited.dependency_overrides[get_client_address] = lambda: uuid4().hex
    name = uuid4().hex
    async with api_client(limited) as client:
        for attempt in range(11):
            email = f"{name if attempt % 2 else name.upper()}@example.com"
            response = await client.post(LOGIN, json={"email": email, "password": "x"})
            assert response.status_code == (401 if attempt < 10 else 429)
            assert email not in response.text


@pytest.fixture
def set_client_address(limited: FastAPI) -> Callable[[str], None]:
    """Sets the client's address."""

    def move(address: str) -> None:
        limited.dependency_overrides[get_client_address] = lambda: address

    return move


async def test_attempts_by_strangers_do_not_lock_out_the_owner(
    limited: FastAPI, user: User, set_client_address: Callable[[str], None], settings: ApiSettings
) -> None:
    credentials = {"email": user.email, "password": "Correct4Horse"}
    home_address = f"2001:db8:{uuid4().hex[:4]}::/64"
    async with api_client(limited) as client:
        set_client_address(home_address)
        assert (await client.post(LOGIN, json=credentials)).status_code == 200
        for attempt in range(11):
            set_client_address(uuid4().hex)
            response = await client.post(LOGIN, json=credentials | {"password": "Wrong4Horse"})
            assert response.status_code == (401 if attempt < 9 else 429)
        set_client_address(uuid4().hex)
        assert (await client.post(LOGIN, json=credentials)).status_code == 429
        set_client_address(home_address)
        statuses = [(await client.post(LOGIN, json=credentials)).status_code for _ in range(10)]
    # The first sign-in also counted, so the tenth is this address's eleventh attempt.
    assert statuses == [200] * 9 + [429]


async def test_a_known_address_has_its_own_limit_only_for_its_accounts(
    limited: FastAPI,
    database: Database,
    set_client_address: Callable[[str], None],
    open_account: Callable[..., Any],
) -> None:
    known_user, locked_user = await open_account(database), await open_account(database)
    home_address = uuid4().hex
    async with api_client(limited) as client:
        set_client_address(home_address)
        signed_in = await client.post(LOGIN, json={"email": known_user.email, "password": "Correct4Horse"})
        assert signed_in.status_code == 200
        for _ in range(10):
            set_client_address(uuid4().hex)
            await client.post(LOGIN, json={"email": locked_user.email, "password": "Wrong4Horse"})
        set_client_address(home_address)
        response = await client.post(LOGIN, json={"email": locked_user.email, "password": "Correct4Horse"})
    assert response.status_code == 429


async def test_unknown_tokens_do_not_exhaust_the_refresh_limit_of_an_address(
    limited: FastAPI, user: User, set_client_address: Callable[[str], None]
) -> None:
    async with api_client(limited) as client:
        set_client_address(uuid4().hex)
        credentials = {"email": user.email, "password": "Correct4Horse"}
        token = (await client.post(LOGIN, json=credentials)).json()["refresh_token"]
        statuses = [
            (await client.post(REFRESH, json={"refresh_token": "unknown"})).status_code for _ in range(101)
        ]
        assert statuses == [401] * 100 + [429]
        assert (await client.post(REFRESH, json={"refresh_token": token})).status_code == 200
        statuses = [
            (await client.post(REFRESH, json={"refresh_token": token})).status_code for _ in range(100)
        ]
    assert statuses == [200] * 99 + [429]


async def test_known_addresses_are_stored_as_hmacs_for_thirty_days(
    limited: FastAPI, user: User, set_client_address: Callable[[str], None], settings: ApiSettings
) -> None:
    async with Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True) as redis:
        before = {key async for key in redis.scan_iter("known_address:*")}
        set_client_address("203.0.113.77")
        async with api_client(limited) as client:
            await client.post(LOGIN, json={"email": user.email, "password": "Correct4Horse"})
        [key] = {key async for key in redis.scan_iter("known_address:*")} - before
        assert "203.0.113.77" not in key
        assert str(user.id) not in key
        assert 0 <= 30 * 86_400 - await redis.ttl(key) < 10


async def test_no_minute_has_more_than_the_limit(limited: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr("limits.aio.storage.redis.redispy.time", SimpleNamespace(time=lambda: now))
    async with api_client(limited) as client:

        async def count_accepted(attempts: int) -> int:
            return [(await client.post(LOGIN, json={})).status_code for _ in range(attempts)].count(422)

        assert await count_accepted(1) == 1
        now += 59
        assert await count_accepted(11) == 9
        now += 2
        assert await count_accepted(2) == 1
        now += 56
        assert await count_accepted(1) == 0
        now += 2.1
        assert await count_accepted(11) == 9


async def test_registrations_from_one_address_are_limited(limited: FastAPI) -> None:
    async with api_client(limited) as client:
        statuses = [(await client.post(REGISTER, json={})).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


async def test_exports_are_limited_before_the_account_is_read(
    limited: FastAPI, database: Database, user: User, access_for: Callable[..., Any]
) -> None:
    async with api_client(limited, token=await access_for(database, user)) as client:
        statuses = [(await client.get(f"{ME}/export")).status_code for _ in range(11)]
    assert statuses == [503] * 10 + [429]


async def test_only_sign_ins_are_unavailable_without_redis(
    settings: ApiSettings, database: Database, user: User, access_for: Callable[..., Any]
) -> None:
    variables = {"rate_limit_enabled": True, "redis_url": SecretStr("redis://127.0.0.1:1/0")}
    app = create_app(settings.model_copy(update=variables))
    app.state.database = database
    async with api_client(app, token=await access_for(database, user)) as client:
        response = await client.post(LOGIN, json={"email": user.email, "password": "Correct4Horse"})
        assert get_error(response) == (503, "unavailable")
        assert (await client.get(ME)).status_code == 200
        unknown = {"refresh_token": "unknown"}
        assert get_error(await client.post(REFRESH, json=unknown)) == (401, "invalid_refresh_token")


async def test_neither_redis_keys_nor_logs_contain_personal_data(
    limited: FastAPI, settings: ApiSettings
) -> None:
    name = uuid4().hex
    credentials = {"email": f"{name}@example.com", "password": "Correct4Horse"}
    with capture_logs() as logged:
        async with api_client(limited) as client:
            response = await client.post(REGISTER, json={**credentials, "name": "Ada"})
            await client.post(LOGIN, json=credentials)
            await client.post(REFRESH, json={"refresh_token": response.json()["refresh_token"]})
    redis = Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True)
    async with redis:
        keys = [key async for key in redis.scan_iter()]
    secrets = [name, "Correct4Horse", response.json()["refresh_token"], response.json()["access_token"]]
    assert keys
    assert logged
    assert not [secret for secret in secrets if secret in f"{keys} {logged}"]


@pytest.mark.parametrize(
    ("addresses", "counted"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::e"], "2001:db8:1:2::/64"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["testclient"], "testclient"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(addresses: list[str], counted: str) -> None:
    for address in addresses:
        request = Request({"type": "http", "client": (address, 1), "headers": []})
        assert get_client_address(request) == counted
