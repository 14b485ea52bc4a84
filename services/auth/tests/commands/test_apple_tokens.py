"""Apple's grant to the app: stored at sign-in, revoked when the identity or the account is deleted."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from auth.app import create_app
from auth.commands.apple_tokens import RevokeAppleToken, exchange_apple_code
from auth.errors import ProviderUnavailable
from auth.jobs import create_jobs
from auth.models import Identity, OutboxEvent
from auth.settings import ApiSettings
from auth.social import AppleClient, AppleRefused
from auth.social.token_rotation import reseal_tokens
from auth.social.token_vault import TokenVault
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from shared.security.revocation import Revocations
from shared.testing import api_client
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.apple import AppleAccounts
from tests.mailbox import Mailbox
from tests.providers import Providers, open_social_sign_in

SOCIAL, ME = "/api/v1/auth/social", "/api/v1/users/me"
IDENTITIES = f"{ME}/identities"


@pytest.fixture
async def sign_in_with_apple(
    client: httpx.AsyncClient, providers: Providers, apple_accounts: AppleAccounts
) -> Any:
    """Signs in with Apple: `await sign_in_with_apple("a-1", code=...)`."""

    async def sign_in(subject: str, *, code: str | None = None, **claims: Any) -> httpx.Response:
        token = providers.apple.create_token(sub=subject, email=f"{subject}@example.com", **claims)
        body = {"provider": "apple", "token": token, "authorization_code": code}
        return await client.post(SOCIAL, json={k: v for k, v in body.items() if v is not None})

    return sign_in


async def get_identity(database: Database, subject: str) -> Identity:
    async with database.transaction() as session:
        return await session.get_one(Identity, ("apple", subject), populate_existing=True)


async def deliver_revocations(database: Database, apple: AppleClient) -> int:
    """Deliver each enqueued revocation twice, and return their number."""
    async with database.transaction() as session:
        rows = await session.scalars(
            select(OutboxEvent.body).where(OutboxEvent.type == RevokeAppleToken.get_queue())
        )
        ordered = [RevokeAppleToken.model_validate_json(body) for body in rows]
    handler = create_jobs(Revocations("redis://127.0.0.1:1/0"), apple)[RevokeAppleToken]
    for job in [*ordered, *ordered]:
        await apply_once(database, job.get_queue(), job, handler)
    return len(ordered)


def to_headers(response: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


async def test_deleting_an_account_revokes_apples_grant(
    client: httpx.AsyncClient,
    database: Database,
    sign_in_with_apple: Any,
    apple_accounts: AppleAccounts,
    apple: AppleClient,
) -> None:
    signed_in = await sign_in_with_apple("d-1", code=apple_accounts.issue_code("d-1"))
    assert signed_in.status_code == 200, signed_in.text
    [granted] = apple_accounts.list_tokens("d-1")
    identity = await get_identity(database, "d-1")
    assert identity.client_id == "com.example.parley"
    assert granted not in str(identity.sealed_refresh_token)
    export = (await client.get(f"{ME}/identities", headers=to_headers(signed_in))).text
    assert str(identity.sealed_refresh_token) not in export
    assert (await client.delete(ME, headers=to_headers(signed_in))).status_code == 204
    assert apple_accounts.list_tokens("d-1") == [granted], "the worker asks Apple, not the request"
    assert await deliver_revocations(database, apple) == 1
    assert apple_accounts.list_tokens("d-1") == []


async def test_unlinking_an_identity_revokes_apples_grant(
    user_client: httpx.AsyncClient,
    user: Any,
    database: Database,
    providers: Providers,
    apple_accounts: AppleAccounts,
    apple: AppleClient,
) -> None:
    async with database.transaction() as session:
        (await session.get_one(type(user), user.id)).email_verified = True
    code = apple_accounts.issue_code("d-2")
    link = {"provider": "apple", "token": providers.apple.create_token(sub="d-2"), "authorization_code": code}
    assert (await user_client.post(IDENTITIES, json=link)).status_code == 204
    assert len(apple_accounts.list_tokens("d-2")) == 1
    assert (await user_client.delete(f"{IDENTITIES}/apple")).status_code == 204
    assert await deliver_revocations(database, apple) == 1
    assert apple_accounts.list_tokens("d-2") == []


async def test_a_reset_that_removes_an_identity_revokes_apples_grant(
    client: httpx.AsyncClient,
    database: Database,
    sign_in_with_apple: Any,
    mailbox: Mailbox,
    apple_accounts: AppleAccounts,
    apple: AppleClient,
) -> None:
    await sign_in_with_apple("d-3", code=apple_accounts.issue_code("d-3"), email_verified="false")
    await client.post("/api/v1/auth/password/forgot", json={"email": "d-3@example.com"})
    token = await mailbox.get_token("reset_password")
    reset = {"token": token, "password": "Brandnew4Password"}
    assert (await client.post("/api/v1/auth/password/reset", json=reset)).status_code == 204
    assert await deliver_revocations(database, apple) == 1
    assert apple_accounts.list_tokens("d-3") == []


async def test_a_code_from_a_website_is_exchanged_with_its_redirect_uri(
    database: Database, sign_in_with_apple: Any, apple_accounts: AppleAccounts
) -> None:
    web = "com.example.parley.web"
    code = apple_accounts.issue_code("d-4", client_id=web, redirect_uri="https://parley.example.com/apple")
    assert (await sign_in_with_apple("d-4", code=code, aud=web)).status_code == 200
    assert (await get_identity(database, "d-4")).client_id == web
    assert len(apple_accounts.list_tokens("d-4")) == 1


async def test_the_newest_apple_token_is_stored(
    database: Database, sign_in_with_apple: Any, apple_accounts: AppleAccounts, settings: ApiSettings
) -> None:
    for _ in range(2):
        assert (await sign_in_with_apple("d-5", code=apple_accounts.issue_code("d-5"))).status_code == 200
    assert (await sign_in_with_apple("d-5")).status_code == 200
    sealed_token = str((await get_identity(database, "d-5")).sealed_refresh_token)
    assert TokenVault(settings.token_keys).unseal(sealed_token) == apple_accounts.list_tokens("d-5")[-1]


async def test_a_token_is_revoked_if_its_identity_no_longer_exists(
    database: Database,
    settings: ApiSettings,
    providers: Providers,
    apple_accounts: AppleAccounts,
    apple: AppleClient,
) -> None:
    token = providers.apple.create_token(sub="d-10")
    async with open_social_sign_in(providers) as social:
        identity = await social.verify("apple", token, nonce=None)
    await exchange_apple_code(database, apple, identity, code=apple_accounts.issue_code("d-10"))
    assert len(apple_accounts.list_tokens("d-10")) == 1
    assert await deliver_revocations(database, apple) == 1
    assert apple_accounts.list_tokens("d-10") == []


@pytest.mark.parametrize("fault", ["expired", "unknown", "another user", "down", "no JSON", "no key"])
async def test_a_failed_exchange_does_not_prevent_the_sign_in(
    database: Database, sign_in_with_apple: Any, apple_accounts: AppleAccounts, fault: str
) -> None:
    subject = f"d-6-{fault.replace(' ', '-')}"
    code = "unknown.0.code" if fault == "unknown" else apple_accounts.issue_code(subject)
    if fault == "expired":
        code = apple_accounts.issue_code(subject, age=301)
    if fault == "another user":
        code = apple_accounts.issue_code("somebody-else")
    responses = {
        "down": (503, b"oops"),
        "no JSON": (200, b"<html>"),
        "no key": (400, b'{"error":"invalid_client"}'),
    }
    with capture_logs() as logged:
        if fault in responses:
            with apple_accounts.token.answer_with(*responses[fault]):
                response = await sign_in_with_apple(subject, code=code)
        else:
            response = await sign_in_with_apple(subject, code=code)
    assert response.status_code == 200, response.text
    assert (await get_identity(database, subject)).sealed_refresh_token is None
    assert "apple_code_not_exchanged" in {line["event"] for line in logged}
    assert code not in str(logged)


async def test_codes_are_ignored_without_the_teams_key(
    settings: ApiSettings, database: Database, providers: Providers, apple_accounts: AppleAccounts
) -> None:
    disabled = {"apple_team_id": "", "apple_key_id": "", "apple_private_key_file": ""}
    app = create_app(settings.model_copy(update=disabled))
    app.state.database = database
    before = apple_accounts.token.requests
    body = {"provider": "apple", "token": providers.apple.create_token(email="d-7@example.com")}
    async with api_client(app) as client:
        response = await client.post(
            SOCIAL, json={**body, "authorization_code": apple_accounts.issue_code("x")}
        )
    assert response.status_code == 200
    assert apple_accounts.token.requests == before


async def create_revocation(apple_accounts: AppleAccounts, settings: ApiSettings) -> RevokeAppleToken:
    apple_accounts.granted["r-8"] = "d-8"
    sealed_token = TokenVault(settings.token_keys).seal("r-8")
    return RevokeAppleToken(client_id="com.example.parley", sealed_token=sealed_token)


async def test_a_revocation_is_retried_until_apple_is_available(
    apple: AppleClient, apple_accounts: AppleAccounts, database: Database, settings: ApiSettings
) -> None:
    job = await create_revocation(apple_accounts, settings)
    handler = create_jobs(Revocations("redis://127.0.0.1:1/0"), apple)[RevokeAppleToken]
    for fault in ((503, b""), (429, b"{}"), (200, b"<html>")):
        with apple_accounts.revocation.answer_with(*fault), pytest.raises(ProviderUnavailable):
            await apply_once(database, job.get_queue(), job, handler)
    assert await apply_once(database, job.get_queue(), job, handler) == "applied"
    assert "r-8" not in apple_accounts.granted
    again = job.model_copy(update={"id": UUID(int=8)})
    assert await apply_once(database, again.get_queue(), again, handler) == "applied", "invalid is revoked"


async def test_a_revocation_that_apple_refuses_is_not_retried(
    apple: AppleClient, apple_accounts: AppleAccounts, settings: ApiSettings
) -> None:
    job = await create_revocation(apple_accounts, settings)
    refusal = (400, b'{"error":"invalid_client"}')
    with (
        apple_accounts.revocation.answer_with(*refusal),
        pytest.raises(AppleRefused, match="invalid_client"),
    ):
        await apple.revoke(job.sealed_token, client_id=job.client_id)
    with pytest.raises(AppleRefused, match="APPLE_TOKEN_KEYS"):
        await apple.revoke(TokenVault([Fernet.generate_key().decode()]).seal("r"), client_id="x")


async def test_the_keys_of_stored_apple_tokens_can_be_replaced(
    database: Database, sign_in_with_apple: Any, apple_accounts: AppleAccounts, settings: ApiSettings
) -> None:
    await sign_in_with_apple("d-9", code=apple_accounts.issue_code("d-9"))
    new = Fernet.generate_key().decode()
    both = SecretStr(f"{new},{settings.apple_token_keys.get_secret_value()}")
    vault = TokenVault(settings.model_copy(update={"apple_token_keys": both}).token_keys)
    sealed_token = str((await get_identity(database, "d-9")).sealed_refresh_token)
    assert vault.unseal(sealed_token) in apple_accounts.list_tokens("d-9")
    with pytest.raises(InvalidToken):
        TokenVault([new]).unseal(sealed_token)
    assert await reseal_tokens(database, vault) == 1
    resealed = str((await get_identity(database, "d-9")).sealed_refresh_token)
    assert TokenVault([new]).unseal(resealed) in apple_accounts.list_tokens("d-9")
