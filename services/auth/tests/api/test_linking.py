"""Proof required to link an identity, and sessions that end when it is unlinked."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from auth.app import create_app
from auth.models import RefreshTokenFamily, User
from auth.settings import ApiSettings
from shared.clock import utc_now
from shared.data.db import Database
from shared.testing import api_client
from sqlalchemy import update
from tests.providers import Providers

SOCIAL, LOGIN, REFRESH = "/api/v1/auth/social", "/api/v1/auth/login", "/api/v1/auth/refresh"
ME = "/api/v1/users/me"
IDENTITIES = f"{ME}/identities"
PASSWORD = "Correct4Horse"


def get_error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def to_headers(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


@pytest.fixture
async def user(database: Database, open_account: Any) -> User:
    verified: User = await open_account(database, email_verified=True)
    return verified


async def age_sign_ins(database: Database, user_id: Any, **age: float) -> None:
    statement = update(RefreshTokenFamily).where(RefreshTokenFamily.user_id == user_id)
    async with database.transaction() as session:
        await session.execute(statement.values(created_at=utc_now() - timedelta(**age)))


async def test_an_old_session_needs_the_password_to_link_an_identity(
    client: httpx.AsyncClient, tokens: dict[str, Any], user: User, database: Database, providers: Providers
) -> None:
    await age_sign_ins(database, user.id, minutes=11)
    refreshed = (await client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})).json()
    link = {"provider": "google", "token": providers.google.create_token(sub="r-1", email="r@example.com")}
    for session in (tokens, refreshed):
        response = await client.post(IDENTITIES, json=link, headers=to_headers(session))
        assert get_error(response) == (403, "recent_sign_in_required")
        assert "www-authenticate" not in response.headers
    wrong = await client.post(
        IDENTITIES, json=link | {"password": "Wrong4Horse"}, headers=to_headers(refreshed)
    )
    assert get_error(wrong) == (403, "wrong_password")
    assert (await client.get(IDENTITIES, headers=to_headers(tokens))).json() == {"identities": []}
    with_password = await client.post(
        IDENTITIES, json=link | {"password": PASSWORD}, headers=to_headers(refreshed)
    )
    assert with_password.status_code == 204, with_password.text


async def test_an_account_without_a_password_needs_a_recent_sign_in_to_link(
    client: httpx.AsyncClient, database: Database, providers: Providers
) -> None:
    claims = {"sub": "r-2", "email": "r2@example.com", "email_verified": True}

    async def sign_in() -> dict[str, Any]:
        body = {"provider": "google", "token": providers.google.create_token(**claims)}
        signed_in: dict[str, Any] = (await client.post(SOCIAL, json=body)).json()
        return signed_in

    old = await sign_in()
    await age_sign_ins(database, old["user"]["id"], minutes=11)
    link = {"provider": "apple", "token": providers.apple.create_token(sub="r-2")}
    wrong_password = await client.post(
        IDENTITIES, json=link | {"password": PASSWORD}, headers=to_headers(old)
    )
    assert get_error(wrong_password) == (403, "wrong_password")
    response = await client.post(IDENTITIES, json=link, headers=to_headers(old))
    assert get_error(response) == (403, "recent_sign_in_required")
    assert (await client.post(IDENTITIES, json=link, headers=to_headers(await sign_in()))).status_code == 204


async def test_linking_limits_password_attempts(
    settings: ApiSettings, database: Database, user: User, access_for: Any, providers: Providers
) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True}))
    app.state.database = database
    link = {"provider": "google", "token": "x.y.z", "password": "Wrong4Horse"}
    async with api_client(app, token=await access_for(database, user)) as client:
        statuses = [(await client.post(IDENTITIES, json=link)).status_code for _ in range(11)]
    assert statuses == [403] * 10 + [429]


async def test_unlinking_an_identity_ends_the_sessions_that_it_started(
    client: httpx.AsyncClient, tokens: dict[str, Any], user: User, providers: Providers
) -> None:
    claims = {"sub": "r-3", "email": user.email, "email_verified": True}
    signed_in = []
    for provider in (providers.google, providers.apple):
        body = {"provider": provider.name, "token": provider.create_token(**claims)}
        signed_in.append((await client.post(SOCIAL, json=body)).json())
    google, apple = signed_in
    assert (await client.delete(f"{IDENTITIES}/google", headers=to_headers(tokens))).status_code == 204
    assert get_error(await client.get(ME, headers=to_headers(google))) == (401, "unauthorized")
    refused = await client.post(REFRESH, json={"refresh_token": google["refresh_token"]})
    assert get_error(refused) == (401, "invalid_refresh_token")
    for session in (tokens, apple):
        assert (await client.get(ME, headers=to_headers(session))).status_code == 200
        again = await client.post(REFRESH, json={"refresh_token": session["refresh_token"]})
        assert again.status_code == 200


async def test_unlinking_an_identity_ends_sessions_of_unknown_method(
    client: httpx.AsyncClient,
    user_client: httpx.AsyncClient,
    user: User,
    database: Database,
    providers: Providers,
) -> None:
    body = {"provider": "google", "token": providers.google.create_token(sub="r-4", email=user.email)}
    access = (await client.post(SOCIAL, json=body)).json()
    async with database.transaction() as session:
        await session.execute(update(RefreshTokenFamily).values(method=None))
    assert (await client.delete(f"{IDENTITIES}/google", headers=to_headers(access))).status_code == 204
    assert get_error(await user_client.get(ME)) == (401, "unauthorized")
