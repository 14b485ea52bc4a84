import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from auth.app import create_app
from auth.commands.sign_ins import start_session
from auth.commands.users import create_user
from auth.models import User
from auth.passwords import PasswordHasher
from auth.settings import ApiSettings
from auth.social import AppleClient, JsonClient
from auth.types import SignInMethod
from fastapi import FastAPI
from pydantic import SecretStr
from shared.data.db import Database
from shared.security.jwt import SigningKeys, create_signing_key
from shared.testing import TokenFor, api_client
from tests.apple import AppleAccounts
from tests.mailbox import Mailbox
from tests.providers import Providers

type OpenAccount = Callable[..., Awaitable[User]]
type AccessFor = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def service() -> str:
    return "auth"


@pytest.fixture(scope="session")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "signing-keys.json"
    path.write_text(json.dumps({"keys": [create_signing_key(), create_signing_key()]}))
    return path


@pytest.fixture(scope="session")
def signing_keys(keys_file: Path) -> SigningKeys:
    """The service's own keys, so that it accepts tokens of `token_for`."""
    return SigningKeys.load(keys_file)


@pytest.fixture(scope="session")
def settings(
    base_settings: dict[str, Any],
    database_url: str,
    keys_file: Path,
    providers: Providers,
    apple_accounts: AppleAccounts,
) -> ApiSettings:
    overrides = {"database_url": SecretStr(database_url), "signing_keys_file": keys_file}
    return ApiSettings.model_validate(
        {**base_settings, **overrides, **providers.settings, **apple_accounts.settings}
    )


@pytest.fixture(scope="session")
def document(settings: ApiSettings) -> dict[str, Any]:
    """The API document, generated once because it takes long and is the same for every application."""
    return create_app(settings).openapi()


@pytest.fixture
def app(
    settings: ApiSettings, database: Database, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> FastAPI:
    app = create_app(settings)
    monkeypatch.setattr(app, "openapi", lambda: document)
    app.state.database = database
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app) as client:
        yield client


@pytest.fixture
def mailbox(database: Database, tmp_path: Path) -> Mailbox:
    return Mailbox(database, tmp_path / "emails")


@pytest.fixture(scope="session")
def passwords() -> Iterator[PasswordHasher]:
    passwords = PasswordHasher(threads=1, queue_size=10)
    yield passwords
    passwords.close()


@pytest.fixture(scope="session")
async def password_hash(passwords: PasswordHasher) -> str:
    """The hash of Correct4Horse, computed once because argon2 is slow by design."""
    return await passwords.hash("Correct4Horse")


@pytest.fixture
def open_account(password_hash: str) -> OpenAccount:
    """Opens an account with the password Correct4Horse: `await open_account(database, **fields)`."""

    async def make(database: Database, **overrides: Any) -> User:
        defaults = {"email": f"{uuid4().hex}@example.com", "name": "Ada", "password_hash": password_hash}
        async with database.transaction() as session:
            return await create_user(session, **{**defaults, **overrides})

    return make


@pytest.fixture
async def user(database: Database, open_account: OpenAccount) -> User:
    return await open_account(database)


@pytest.fixture
def access_for(token_for: TokenFor) -> AccessFor:
    """Signs a user in and returns an access token: `await access_for(database, user)`."""

    async def sign_in(
        database: Database, user: User, *, method: SignInMethod = "password", **claims: Any
    ) -> str:
        async with database.transaction() as session:
            signed_in = await start_session(session, user, method=method, now=datetime.now(UTC))
        return token_for(user.id, user.role, sid=str(signed_in.family_id), **claims)

    return sign_in


@pytest.fixture
async def user_client(
    app: FastAPI, database: Database, user: User, access_for: AccessFor
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an access token of `user`."""
    async with api_client(app, token=await access_for(database, user)) as client:
        yield client


@pytest.fixture(scope="session")
def providers() -> Iterator[Providers]:
    """Google, Apple and Facebook on a local port; `providers.settings` contains their URLs."""
    with Providers().run() as providers:
        yield providers


@pytest.fixture(scope="session")
def apple_accounts(providers: Providers, tmp_path_factory: pytest.TempPathFactory) -> AppleAccounts:
    return AppleAccounts(providers, tmp_path_factory.mktemp("apple"))


@pytest.fixture
async def apple(settings: ApiSettings) -> AsyncIterator[AppleClient]:
    """The worker's client for Apple's endpoints."""
    client = JsonClient(timeout_seconds=1)
    yield AppleClient(settings, client)
    await client.close()


@pytest.fixture
async def admin_user(database: Database, open_account: OpenAccount) -> User:
    return await open_account(database, role="admin")


@pytest.fixture
async def admin(
    app: FastAPI, database: Database, admin_user: User, access_for: AccessFor
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an access token of `admin_user`."""
    async with api_client(app, token=await access_for(database, admin_user)) as client:
        yield client


@pytest.fixture
async def tokens(client: httpx.AsyncClient, user: User) -> dict[str, Any]:
    """The response to a sign-in of `user`."""
    credentials = {"email": user.email, "password": "Correct4Horse"}
    response = await client.post("/api/v1/auth/login", json=credentials)
    assert response.status_code == 200, response.text
    pair: dict[str, Any] = response.json()
    return pair
