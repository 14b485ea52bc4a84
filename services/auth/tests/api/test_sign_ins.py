import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import bcrypt
import httpx
import jwt
import pytest
from auth.app import create_app
from auth.models import User
from auth.queries.sign_ins import find_credential_by_email
from auth.settings import ApiSettings
from shared.data.db import Database
from shared.testing import api_client

LOGIN = "/api/v1/auth/login"
REFRESH, LOGOUT, ME = "/api/v1/auth/refresh", "/api/v1/auth/logout", "/api/v1/users/me"


def ensure_problem(response: httpx.Response, *, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    return problem


def to_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_sign_in_returns_the_user_and_a_pair_of_tokens(tokens: dict[str, Any], user: User) -> None:
    assert set(tokens) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert tokens["user"]["id"] == str(user.id)
    header = jwt.get_unverified_header(tokens["access_token"])
    assert {"typ": "at+jwt", "alg": "ES256"}.items() <= header.items()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "sub", "sid", "role", "ver", "iat", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == 900


async def test_a_wrong_password_and_an_unknown_address_get_the_same_response(
    client: httpx.AsyncClient, user: User
) -> None:
    wrong = [
        {"email": user.email, "password": "Wrong4Horse"},
        {"email": f"{uuid4().hex}@example.com", "password": "Correct4Horse"},
        {"email": user.email, "password": "x" * 1024},
    ]
    responses = [await client.post(LOGIN, json=credentials) for credentials in wrong]
    problems = [ensure_problem(response, status=401, code="invalid_credentials") for response in responses]
    assert len({str(problem | {"request_id": ""}) for problem in problems}) == 1
    assert len({frozenset(response.headers) for response in responses}) == 1


async def test_a_sign_in_upgrades_a_bcrypt_hash(
    client: httpx.AsyncClient, database: Database, open_account: Callable[..., Any]
) -> None:
    old = bcrypt.hashpw(b"Correct4Horse", bcrypt.gensalt(4)).decode()
    user = await open_account(database, password_hash=old)
    credentials = {"email": user.email, "password": "Correct4Horse"}
    for _ in range(2):
        assert (await client.post(LOGIN, json=credentials)).status_code == 200
        async with database.transaction() as session:
            account = await find_credential_by_email(session, user.email)
        assert account is not None
        assert str(account.password_hash).startswith("$argon2id$")


async def test_a_refresh_returns_the_next_pair_of_tokens(
    client: httpx.AsyncClient, tokens: dict[str, Any]
) -> None:
    response = await client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    pair = response.json()
    assert set(pair) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert pair["refresh_token"] != tokens["refresh_token"]
    assert (await client.get(ME, headers=to_headers(pair["access_token"]))).json() == tokens["user"]
    lost = await client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})
    assert lost.json()["refresh_token"] == pair["refresh_token"]


async def test_reuse_of_a_refresh_token_ends_the_session(
    client: httpx.AsyncClient, tokens: dict[str, Any]
) -> None:
    used_token = {"refresh_token": tokens["refresh_token"]}
    head = tokens["refresh_token"]
    for _ in range(2):
        head = (await client.post(REFRESH, json={"refresh_token": head})).json()["refresh_token"]
    ensure_problem(await client.post(REFRESH, json=used_token), status=401, code="invalid_refresh_token")
    response = await client.post(REFRESH, json={"refresh_token": head})
    ensure_problem(response, status=401, code="invalid_refresh_token")


async def test_signing_out_ends_the_session(client: httpx.AsyncClient, tokens: dict[str, Any]) -> None:
    presented = {"refresh_token": tokens["refresh_token"]}
    for _ in range(2):
        response = await client.post(LOGOUT, json=presented)
        assert (response.status_code, response.content) == (204, b"")
    ensure_problem(await client.post(REFRESH, json=presented), status=401, code="invalid_refresh_token")


async def test_access_and_refresh_tokens_cannot_replace_each_other(
    client: httpx.AsyncClient, tokens: dict[str, Any]
) -> None:
    response = await client.post(REFRESH, json={"refresh_token": tokens["access_token"]})
    ensure_problem(response, status=401, code="invalid_refresh_token")
    response = await client.get(ME, headers=to_headers(tokens["refresh_token"]))
    ensure_problem(response, status=401, code="unauthorized")


@pytest.mark.timed
async def test_sign_ins_use_no_database_connection_while_they_hash(
    settings: ApiSettings,
    committed_database: Database,
    open_account: Callable[..., Any],
    access_for: Callable[..., Any],
) -> None:
    user = await open_account(committed_database)
    few = settings.model_copy(update={"database_pool_size": 1, "database_pool_overflow": 0})
    async with api_client(create_app(few), token=await access_for(committed_database, user)) as client:
        credentials = {"email": user.email, "password": "Wrong4Horse"}
        sign_ins = [client.post(LOGIN, json=credentials) for _ in range(20)]
        responses = await asyncio.gather(*sign_ins, client.get(ME))
    assert [response.status_code for response in responses] == [401] * 20 + [200]
