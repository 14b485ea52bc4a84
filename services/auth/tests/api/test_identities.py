"""POST /auth/social and the identities of an account."""

import asyncio
from typing import Any

import httpx
import pytest
from auth.app import create_app
from auth.models import AuditEntry, Identity, User
from auth.settings import ApiSettings
from contracts.auth import UserRegistered
from pydantic import SecretStr
from shared.data.db import Database
from shared.testing import api_client, outbox_events
from sqlalchemy import func, select
from tests.mailbox import Mailbox
from tests.providers import Providers

SOCIAL, LOGIN, ME = "/api/v1/auth/social", "/api/v1/auth/login", "/api/v1/users/me"
IDENTITIES = f"{ME}/identities"


async def sign_in(client: httpx.AsyncClient, provider: str, token: str, **fields: Any) -> httpx.Response:
    return await client.post(SOCIAL, json={"provider": provider, "token": token, **fields})


def get_error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_the_first_social_sign_in_creates_an_account_that_the_next_one_uses(
    client: httpx.AsyncClient, providers: Providers, database: Database, mailbox: Mailbox
) -> None:
    claims = {"sub": "g-1", "email": "Ada@Example.com", "name": "Ada", "email_verified": True}
    first = await sign_in(client, "google", providers.google.create_token(**claims, nonce="n-1"), nonce="n-1")
    assert first.status_code == 200, first.text
    body = first.json()
    assert set(body) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    user = body["user"]
    assert (user["email"], user["name"], user["auth_provider"], user["email_verified"]) == (
        "Ada@example.com",
        "Ada",
        "google",
        True,
    )
    token_with_new_email = providers.google.create_token(**claims | {"email": "moved@example.com"})
    assert (await sign_in(client, "google", token_with_new_email)).json()["user"] == user
    assert await mailbox.list_emails() == [], "a proved address is not asked again"
    async with database.transaction() as session:
        assert len(await outbox_events(session, UserRegistered)) == 1


async def test_the_name_is_taken_from_the_request_because_apple_omits_it_from_the_token(
    client: httpx.AsyncClient, providers: Providers
) -> None:
    relay = "x7@privaterelay.appleid.com"
    token = providers.apple.create_token(
        sub="a-1", email=relay, email_verified="true", is_private_email="true", name=None
    )
    user = (await sign_in(client, "apple", token, name="Grace")).json()["user"]
    assert (user["email"], user["name"], user["email_verified"]) == (relay, "Grace", True)


@pytest.mark.parametrize("token_kind", ["limited_token", "access_token"])
async def test_facebook_accepts_both_kinds_of_token_and_the_address_needs_confirmation(
    client: httpx.AsyncClient, providers: Providers, mailbox: Mailbox, token_kind: str
) -> None:
    claims = {"email": "fay@example.com", "name": "Fay"}
    token = (
        providers.facebook.create_limited_token(sub="10001", **claims)
        if token_kind == "limited_token"
        else providers.facebook.create_access_token(user_id="10001", **claims)
    )
    user = (await sign_in(client, "facebook", token)).json()["user"]
    assert (user["name"], user["auth_provider"], user["email_verified"]) == ("Fay", "facebook", False)
    assert await mailbox.get_token("verify_email")


async def test_an_identity_with_a_verified_address_is_linked_to_the_account_that_verified_it(
    client: httpx.AsyncClient,
    providers: Providers,
    database: Database,
    open_account: Any,
    mailbox: Mailbox,
) -> None:
    user = await open_account(database, email_verified=True)
    token = providers.google.create_token(sub="g-2", email=user.email.upper(), email_verified=True)
    assert (await sign_in(client, "google", token)).json()["user"]["id"] == str(user.id)
    password = {"email": user.email, "password": "Correct4Horse"}
    assert (await client.post(LOGIN, json=password)).status_code == 200, "the password stays"
    (email,) = await mailbox.list_emails()
    assert email["Subject"] == "A new way to sign in was added to your account"


async def test_a_reassigned_address_at_the_same_provider_does_not_sign_in(
    client: httpx.AsyncClient, providers: Providers
) -> None:
    claims = {"email": "info@company.example", "email_verified": True}
    assert (await sign_in(client, "google", providers.google.create_token(sub="old", **claims))).is_success
    response = await sign_in(client, "google", providers.google.create_token(sub="new", **claims))
    assert get_error(response) == (409, "link_required")


async def test_a_social_sign_in_without_an_address_creates_no_account(
    client: httpx.AsyncClient, providers: Providers
) -> None:
    token = providers.facebook.create_access_token(user_id="10002", name="Fay", email=None)
    assert get_error(await sign_in(client, "facebook", token)) == (422, "email_required")


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_an_invalid_social_token_is_refused(
    client: httpx.AsyncClient, providers: Providers, provider: str
) -> None:
    expired = providers.google.create_token(exp=1)
    for token in ("x", "a.b.c", expired):
        assert get_error(await sign_in(client, provider, token)) == (401, "invalid_social_token")


async def test_a_sign_in_with_an_unconfigured_provider_is_refused(
    settings: ApiSettings, database: Database
) -> None:
    app = create_app(settings.model_copy(update={"apple_client_ids": ()}))
    app.state.database = database
    async with api_client(app) as client:
        response = await sign_in(client, "apple", "x.y.z")
        assert get_error(response) == (422, "provider_not_configured")
        assert response.json()["errors"][0]["pointer"] == "#/provider"


async def test_concurrent_first_sign_ins_create_one_account(
    settings: ApiSettings, committed_database: Database, providers: Providers
) -> None:
    app = create_app(settings.model_copy(update={"database_pool_size": 20}))
    claims = {"sub": "g-3", "email": "once@example.com", "email_verified": True}
    tokens = [providers.google.create_token(**claims) for _ in range(12)]
    async with api_client(app) as client:
        responses = await asyncio.gather(*(sign_in(client, "google", token) for token in tokens))
    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["user"]["id"] for response in responses}) == 1
    async with committed_database.transaction() as session:
        for table in (User, Identity):
            assert await session.scalar(select(func.count()).select_from(table)) == 1


async def test_an_identity_is_linked_once_and_can_be_unlinked(
    user_client: httpx.AsyncClient, user: User, database: Database, providers: Providers
) -> None:

    def link() -> dict[str, str]:
        return {
            "provider": "google",
            "token": providers.google.create_token(sub="g-4", email="other@example.com"),
        }

    assert get_error(await user_client.post(IDENTITIES, json=link())) == (409, "email_unverified")
    async with database.transaction() as session:
        (await session.get_one(User, user.id)).email_verified = True
    for _ in range(2):
        assert (await user_client.post(IDENTITIES, json=link())).status_code == 204
    identities = (await user_client.get(IDENTITIES)).json()["identities"]
    assert [identity["provider"] for identity in identities] == ["google"]
    assert (await user_client.post(SOCIAL, json=link())).json()["user"]["id"] == str(user.id)
    another = {"provider": "google", "token": providers.google.create_token(sub="g-5", email="x@example.com")}
    assert get_error(await user_client.post(IDENTITIES, json=another)) == (409, "identity_taken")
    assert (await user_client.delete(f"{IDENTITIES}/google")).status_code == 204
    assert get_error(await user_client.delete(f"{IDENTITIES}/google")) == (404, "identity_not_found")
    assert (await user_client.delete(f"{IDENTITIES}/myspace")).status_code == 422
    async with database.transaction() as session:
        actions = (await session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))).all()
    assert actions == ["identity_linked", "identity_unlinked"]


async def test_an_identity_of_another_account_cannot_be_linked(
    user_client: httpx.AsyncClient, user: User, database: Database, providers: Providers
) -> None:
    claims = {"sub": "a-9", "email": "else@example.com", "email_verified": True}
    assert (await sign_in(user_client, "apple", providers.apple.create_token(**claims))).is_success
    async with database.transaction() as session:
        (await session.get_one(User, user.id)).email_verified = True
    link = {"provider": "apple", "token": providers.apple.create_token(**claims)}
    response = await user_client.post(IDENTITIES, json=link)
    assert get_error(response) == (409, "identity_taken")


async def test_the_last_sign_in_method_cannot_be_removed(
    client: httpx.AsyncClient, providers: Providers
) -> None:
    token = providers.google.create_token(sub="g-6", email="only@example.com", email_verified=True)
    access = (await sign_in(client, "google", token)).json()["access_token"]
    headers = {"Authorization": f"Bearer {access}"}
    assert get_error(await client.delete(f"{IDENTITIES}/google", headers=headers)) == (409, "last_sign_in")
    change = {"current_password": "x", "new_password": "Brandnew4Password"}
    response = await client.put(f"{ME}/password", json=change, headers=headers)
    assert get_error(response) == (409, "no_password")
    credentials = {"email": "only@example.com", "password": "Correct4Horse"}
    assert get_error(await client.post(LOGIN, json=credentials)) == (401, "invalid_credentials")


async def test_an_unavailable_provider_returns_503(client: httpx.AsyncClient, providers: Providers) -> None:
    token = providers.facebook.create_access_token(user_id="10003", name="Fay", email="f@example.com")
    with providers.facebook.debug_token.answer_with(500, b"<html>"):
        response = await sign_in(client, "facebook", token)
    assert get_error(response) == (503, "provider_unavailable")
    assert response.headers["retry-after"]


async def test_a_social_token_can_be_used_once(client: httpx.AsyncClient, providers: Providers) -> None:
    for provider, token in (
        ("google", providers.google.create_token(email_verified=True, email="g7@example.com")),
        ("apple", providers.apple.create_token(email="a7@example.com")),
        ("facebook", providers.facebook.create_limited_token(email="f7@example.com")),
        ("facebook", providers.facebook.create_access_token(user_id="10007", email="f8@example.com")),
    ):
        assert (await sign_in(client, provider, token)).status_code == 200
        assert get_error(await sign_in(client, provider, token)) == (401, "invalid_social_token")


async def test_a_token_refused_with_link_required_can_still_link(
    client: httpx.AsyncClient, providers: Providers, database: Database, open_account: Any, access_for: Any
) -> None:
    user = await open_account(database, email_verified=True)
    link = {"provider": "facebook", "token": providers.facebook.create_limited_token(email=user.email)}
    assert get_error(await client.post(SOCIAL, json=link)) == (409, "link_required")
    headers = {"Authorization": f"Bearer {await access_for(database, user)}"}
    assert (await client.post(IDENTITIES, json=link, headers=headers)).status_code == 204
    assert get_error(await client.post(SOCIAL, json=link)) == (401, "invalid_social_token")


async def test_social_sign_ins_are_unavailable_without_redis(
    settings: ApiSettings, database: Database, providers: Providers
) -> None:
    app = create_app(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")}))
    app.state.database = database
    async with api_client(app) as client:
        response = await sign_in(client, "google", providers.google.create_token())
    assert get_error(response) == (503, "unavailable")
    assert response.headers["retry-after"]
