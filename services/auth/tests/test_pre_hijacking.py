"""Account pre-hijacking: an attacker opens an account with the victim's address, and loses access to it.

The five classes are those of Sudhodanan and Paverd, "Pre-hijacked accounts" (USENIX Security 2022).
"""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from auth.app import create_app
from auth.models import User
from auth.queries.export import get_account_export
from auth.settings import ApiSettings
from contracts.auth import UserUpdated
from shared.data.db import Database
from shared.testing import api_client, outbox_events
from sqlalchemy import select
from tests.mailbox import Mailbox
from tests.providers import Providers

VICTIM = "victim@example.com"
ATTACKERS, VICTIMS = "Attackers4Password", "Victims4Password"


class Party:
    """An attacker or a victim, with a client and a session."""

    def __init__(self, client: httpx.AsyncClient, emails: Mailbox) -> None:
        self._client, self.emails = client, emails
        self.tokens: dict[str, Any] = {}

    async def post(self, path: str, **body: Any) -> httpx.Response:
        response = await self._client.post(f"/api/v1{path}", json=body, headers=self._headers)
        if response.is_success and response.content and "access_token" in response.json():
            self.tokens = response.json()
        return response

    async def register(self, password: str) -> httpx.Response:
        return await self.post("/auth/register", email=VICTIM, password=password, name="Mallory")

    async def log_in(self, password: str) -> int:
        return (await self.post("/auth/login", email=VICTIM, password=password)).status_code

    async def reset_password(self) -> None:
        """Set a password with the e-mail that only the mailbox's owner receives."""
        await self.post("/auth/password/forgot", email=VICTIM)
        token = await self.emails.get_token("reset_password")
        assert (await self.post("/auth/password/reset", token=token, password=VICTIMS)).status_code == 204

    async def has_access(self) -> bool:
        """Return whether the person's access or refresh token still works."""
        response = await self._client.get("/api/v1/users/me", headers=self._headers)
        again = await self.post("/auth/refresh", refresh_token=self.tokens["refresh_token"])
        return response.is_success or again.is_success

    async def get_profile(self) -> dict[str, Any]:
        profile: dict[str, Any] = (await self._client.get("/api/v1/users/me", headers=self._headers)).json()
        return profile

    async def put(self, path: str, **body: Any) -> httpx.Response:
        return await self._client.put(f"/api/v1{path}", json=body, headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}


@pytest.fixture
def attacker(client: httpx.AsyncClient, mailbox: Mailbox) -> Party:
    return Party(client, mailbox)


@pytest.fixture
def victim(client: httpx.AsyncClient, mailbox: Mailbox) -> Party:
    return Party(client, mailbox)


async def test_classic_federated_merge(attacker: Party, victim: Party, providers: Providers) -> None:
    """The victim signs in with Google: the password of the attacker's account does not work."""
    await attacker.register(ATTACKERS)
    token = providers.google.create_token(email=VICTIM, email_verified=True)
    assert (await victim.post("/auth/social", provider="google", token=token)).status_code == 200
    assert await attacker.log_in(ATTACKERS) == 401
    await assert_separate_accounts(attacker, victim)


async def test_unexpired_session(attacker: Party, victim: Party) -> None:
    """The attacker stays signed in. The victim resets the password: the attacker's session ends."""
    await attacker.register(ATTACKERS)
    await attacker.put("/users/me", avatar_url="https://example.com/mallory.png")
    await victim.reset_password()
    assert not await attacker.has_access()
    assert await attacker.log_in(ATTACKERS) == 401
    assert await victim.log_in(VICTIMS) == 200
    assert ((await victim.get_profile())["name"], (await victim.get_profile())["avatar_url"]) == (
        "Learner",
        None,
    )
    assert not [email for email in await victim.emails.list_emails() if "Mallory" in str(email)]


async def test_unexpired_session_when_the_victim_signs_in_with_a_provider(
    attacker: Party, victim: Party, providers: Providers
) -> None:
    await attacker.register(ATTACKERS)
    token = providers.apple.create_token(email=VICTIM, email_verified="true")
    assert (await victim.post("/auth/social", provider="apple", token=token)).status_code == 200
    await assert_separate_accounts(attacker, victim)


async def assert_separate_accounts(attacker: Party, victim: Party) -> None:
    """Check that the accounts are separate, and that only the victim's has the address."""
    attacker_profile, victim_profile = await attacker.get_profile(), await victim.get_profile()
    assert victim_profile["id"] != attacker_profile["id"]
    assert (victim_profile["email"], victim_profile["email_verified"]) == (VICTIM, True)
    assert "Mallory" not in str(victim_profile)
    assert (attacker_profile["email"], attacker_profile["email_verified"], attacker_profile["name"]) == (
        None,
        False,
        "Mallory",
    )
    assert await attacker.has_access()
    assert await victim.has_access()


async def test_trojan_identifier(attacker: Party, victim: Party, providers: Providers) -> None:
    """The attacker tries to link an identity: refused until the address is verified."""
    await attacker.register(ATTACKERS)
    attacker_identity = {
        "provider": "google",
        "token": providers.google.create_token(sub="attacker", email="attacker@example.com"),
    }
    assert (await attacker.post("/users/me/identities", **attacker_identity)).json()[
        "code"
    ] == "email_unverified"
    await victim.reset_password()
    assert (await attacker.post("/auth/social", **attacker_identity)).json()["user"][
        "email"
    ] == "attacker@example.com"


async def test_trojan_identifier_that_opened_the_account(
    attacker: Party, victim: Party, providers: Providers
) -> None:
    """A Facebook identity with the victim's unverified address opened the account: a reset unlinks it."""
    claims = {"sub": "1001", "email": VICTIM}
    token = providers.facebook.create_limited_token(**claims)
    opened = await attacker.post("/auth/social", provider="facebook", token=token)
    assert opened.json()["user"]["email_verified"] is False
    await victim.reset_password()
    assert not await attacker.has_access()
    token = providers.facebook.create_limited_token(**claims)
    again = await attacker.post("/auth/social", provider="facebook", token=token)
    assert (again.status_code, again.json()["code"]) == (409, "link_required")


async def test_the_confirmation_e_mail_alone_confirms_no_account(
    attacker: Party, victim: Party, providers: Providers
) -> None:
    """The victim follows the link in the e-mail of the attacker's account: it stays unconfirmed."""
    await attacker.register(ATTACKERS)
    email = await victim.emails.get_token("verify_email")
    alone = await victim.post("/auth/email/verify", token=email)
    assert (alone.status_code, alone.json()["code"]) == (403, "account_proof_required")
    guessed = await victim.post("/auth/email/verify", token=email, password=VICTIMS)
    assert (guessed.status_code, guessed.json()["code"]) == (403, "wrong_password")
    assert "www-authenticate" not in guessed.headers
    google = providers.google.create_token(sub="v", email=VICTIM, email_verified=True)
    await victim.post("/auth/social", provider="google", token=google)
    await assert_separate_accounts(attacker, victim)
    apple = {
        "provider": "apple",
        "token": providers.apple.create_token(sub="evil", email="attacker@example.com"),
    }
    assert (await attacker.post("/users/me/identities", **apple)).json()["code"] == "email_unverified"


async def test_the_victim_can_reject_the_strangers_account(attacker: Party, victim: Party) -> None:
    await attacker.register(ATTACKERS)
    email = await victim.emails.get_token("verify_email")
    assert (await victim.post("/auth/email/reject", token=email)).status_code == 204
    assert not await attacker.has_access()
    assert await attacker.log_in(ATTACKERS) == 401
    assert (await victim.register(VICTIMS)).status_code == 201


async def test_trojan_identifier_on_an_account_that_was_confirmed(
    attacker: Party, victim: Party, providers: Providers
) -> None:
    """A reset unlinks the identity even if the attacker has confirmed the account."""
    claims = {"sub": "1002", "email": VICTIM}
    token = providers.facebook.create_limited_token(**claims)
    await attacker.post("/auth/social", provider="facebook", token=token)
    email = await victim.emails.get_token("verify_email")
    alone = await victim.post("/auth/email/verify", token=email, password=VICTIMS)
    assert (alone.status_code, alone.json()["code"]) == (409, "no_password")
    assert (await attacker.post("/auth/email/verify", token=email)).status_code == 204
    await victim.reset_password()
    token = providers.facebook.create_limited_token(**claims)
    again = await attacker.post("/auth/social", provider="facebook", token=token)
    assert (again.status_code, again.json()["code"]) == (409, "link_required")


async def test_unexpired_email_change(attacker: Party, victim: Party) -> None:
    """A reset cancels changes of the address that the attacker has started."""
    await attacker.register(ATTACKERS)
    await attacker.put("/users/me", email="attacker@example.com", email_verified=True)
    assert (await attacker.get_profile())["email"] == VICTIM
    before = await victim.emails.get_token("verify_email")
    body = {"new_email": "attacker@example.com", "password": ATTACKERS}
    assert (await attacker.put("/users/me/email", **body)).status_code == 202
    change = await victim.emails.get_token("change_email")
    await victim.reset_password()
    for token in (before, change):
        late = await attacker.post("/auth/email/verify", token=token)
        assert (late.status_code, late.json()["code"]) == (400, "token_used")


async def test_a_token_for_a_lost_address_is_invalid(
    attacker: Party, victim: Party, providers: Providers
) -> None:
    await attacker.register(ATTACKERS)
    email = await victim.emails.get_token("verify_email")
    token = providers.google.create_token(email=VICTIM, email_verified=True)
    await victim.post("/auth/social", provider="google", token=token)
    late = await attacker.post("/auth/email/verify", token=email)
    assert (late.status_code, late.json()["code"]) == (400, "token_used")
    await assert_separate_accounts(attacker, victim)


async def test_an_account_that_lost_its_address_still_works(
    attacker: Party, victim: Party, providers: Providers, database: Database, admin: httpx.AsyncClient
) -> None:
    await attacker.register(ATTACKERS)
    token = providers.google.create_token(email=VICTIM, email_verified=True)
    await victim.post("/auth/social", provider="google", token=token)
    email_count = len(await victim.emails.list_emails())
    assert (await attacker.post("/users/me/email/verify")).status_code == 202
    change = {"current_password": ATTACKERS, "new_password": VICTIMS}
    assert (await attacker.put("/users/me/password", **change)).status_code == 204
    assert len(await victim.emails.list_emails()) == email_count, "there is no address to write to"
    users = (await admin.get("/api/v1/admin/users")).json()["users"]
    assert sorted(str(user["email"]) for user in users if user["role"] == "learner") == ["None", VICTIM]
    async with database.transaction() as session:
        exported = await get_account_export(session, UUID((await attacker.get_profile())["id"]))
        updated = await outbox_events(session, UserUpdated)
    assert exported.profile.email is None
    assert str(updated[0].data.user_id) == (await attacker.get_profile())["id"]


async def test_concurrent_sign_ins_at_an_unconfirmed_address_create_one_account(
    settings: ApiSettings, committed_database: Database, open_account: Any, providers: Providers
) -> None:
    await open_account(committed_database, email=VICTIM)
    claims = {"sub": "g-70", "email": VICTIM, "email_verified": True}
    tokens = [providers.google.create_token(**claims) for _ in range(8)]
    app = create_app(settings.model_copy(update={"database_pool_size": 20}))
    async with api_client(app) as client:
        bodies = [{"provider": "google", "token": token} for token in tokens]
        responses = await asyncio.gather(*(client.post("/api/v1/auth/social", json=body) for body in bodies))
    assert {response.status_code for response in responses} == {200}
    assert {response.json()["user"]["email"] for response in responses} == {VICTIM}
    async with committed_database.transaction() as session:
        emails = await session.scalars(select(User.email).order_by(User.id))
        assert emails.all() == [None, VICTIM]


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_non_verifying_provider(
    attacker: Party, victim: Party, providers: Providers, provider: str
) -> None:
    """The attacker's provider states the victim's address without verifying it: the sign-in is refused."""
    await victim.register(VICTIMS)
    email = await victim.emails.get_token("verify_email")
    await victim.post("/auth/email/verify", token=email)
    token = {
        "google": lambda: providers.google.create_token(sub="evil", email=VICTIM, email_verified=False),
        "apple": lambda: providers.apple.create_token(sub="evil", email=VICTIM, email_verified="false"),
        "facebook": lambda: providers.facebook.create_limited_token(
            sub="666", email=VICTIM, email_verified=True
        ),
    }[provider]()
    response = await attacker.post("/auth/social", provider=provider, token=token)
    assert (response.status_code, response.json()["code"]) == (409, "link_required")
    assert await victim.has_access()


async def test_non_verifying_provider_that_was_linked_first(
    attacker: Party, victim: Party, providers: Providers
) -> None:
    """The attacker's account had an unverified address; the victim's provider has verified it."""
    claims = {"sub": "evil", "email": VICTIM, "email_verified": False, "name": "Mallory"}
    unproved = providers.google.create_token(**claims)
    assert (await attacker.post("/auth/social", provider="google", token=unproved)).status_code == 200
    verified_token = providers.apple.create_token(sub="victim", email=VICTIM, email_verified="true")
    assert (await victim.post("/auth/social", provider="apple", token=verified_token)).status_code == 200
    unproved = providers.google.create_token(**claims)
    again = await attacker.post("/auth/social", provider="google", token=unproved)
    assert again.json()["user"]["email"] is None
    await assert_separate_accounts(attacker, victim)


async def test_a_strangers_account_does_not_flood_the_mailbox(attacker: Party, victim: Party) -> None:
    await attacker.register(ATTACKERS)
    await victim.emails.list_emails()
    password = ATTACKERS
    for new_password in ("Another4Kettle7Moon", "Another5Kettle8Moon"):
        change = {"current_password": password, "new_password": new_password}
        assert (await attacker.put("/users/me/password", **change)).status_code == 204
        password = new_password
    subjects = [email["Subject"] for email in await victim.emails.list_emails() if VICTIM in email["To"]]
    assert subjects == ["Confirm your e-mail address"]
