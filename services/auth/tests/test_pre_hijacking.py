"""Account pre-hijacking: an attacker was there first, the victim comes later, and the attacker is out.

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


class Person:
    """Somebody with a client of their own."""

    def __init__(self, client: httpx.AsyncClient, emails: Mailbox) -> None:
        self._client, self.emails = client, emails
        self.tokens: dict[str, Any] = {}

    async def post(self, path: str, **body: Any) -> httpx.Response:
        answer = await self._client.post(f"/api/v1{path}", json=body, headers=self._headers)
        if answer.is_success and answer.content and "access_token" in answer.json():
            self.tokens = answer.json()
        return answer

    async def register(self, password: str) -> httpx.Response:
        return await self.post("/auth/register", email=VICTIM, password=password, name="Mallory")

    async def log_in(self, password: str) -> int:
        return (await self.post("/auth/login", email=VICTIM, password=password)).status_code

    async def get_in_by_mail(self) -> None:
        """Set a password by the link that only the mailbox's owner gets."""
        await self.post("/auth/password/forgot", email=VICTIM)
        token = await self.emails.token("reset_password")
        assert (await self.post("/auth/password/reset", token=token, password=VICTIMS)).status_code == 204

    async def is_in(self) -> bool:
        """Whether the sign-in that this person has still opens anything."""
        me = await self._client.get("/api/v1/users/me", headers=self._headers)
        again = await self.post("/auth/refresh", refresh_token=self.tokens["refresh_token"])
        return me.is_success or again.is_success

    async def profile(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._client.get("/api/v1/users/me", headers=self._headers)).json()
        return found

    async def put(self, path: str, **body: Any) -> httpx.Response:
        return await self._client.put(f"/api/v1{path}", json=body, headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}


@pytest.fixture
def attacker(client: httpx.AsyncClient, mailbox: Mailbox) -> Person:
    return Person(client, mailbox)


@pytest.fixture
def victim(client: httpx.AsyncClient, mailbox: Mailbox) -> Person:
    return Person(client, mailbox)


async def test_classic_federated_merge(attacker: Person, victim: Person, providers: Providers) -> None:
    """The attacker opens an account with a password, the victim comes with Google: the password is gone."""
    await attacker.register(ATTACKERS)
    token = providers.google.token(email=VICTIM, email_verified=True)
    assert (await victim.post("/auth/social", provider="google", token=token)).status_code == 200
    assert await attacker.log_in(ATTACKERS) == 401
    await assert_apart(attacker, victim)


async def test_unexpired_session(attacker: Person, victim: Person) -> None:
    """The attacker stays signed in, the victim resets the password: the sign-in has ended."""
    await attacker.register(ATTACKERS)
    await attacker.put("/users/me", avatar_url="https://example.com/mallory.png")
    await victim.get_in_by_mail()
    assert not await attacker.is_in()
    assert await attacker.log_in(ATTACKERS) == 401
    assert await victim.log_in(VICTIMS) == 200
    assert ((await victim.profile())["name"], (await victim.profile())["avatar_url"]) == ("Learner", None)
    assert not [email for email in await victim.emails.emails() if "Mallory" in str(email)]


async def test_unexpired_session_when_the_victim_comes_with_a_provider(
    attacker: Person, victim: Person, providers: Providers
) -> None:
    await attacker.register(ATTACKERS)
    token = providers.apple.token(email=VICTIM, email_verified="true")
    assert (await victim.post("/auth/social", provider="apple", token=token)).status_code == 200
    await assert_apart(attacker, victim)


async def assert_apart(attacker: Person, victim: Person) -> None:
    """The victim has an account without anything of the attacker, who keeps one without the address."""
    theirs, own = await attacker.profile(), await victim.profile()
    assert own["id"] != theirs["id"]
    assert (own["email"], own["email_verified"]) == (VICTIM, True)
    assert "Mallory" not in str(own)
    assert (theirs["email"], theirs["email_verified"], theirs["name"]) == (None, False, "Mallory")
    assert await attacker.is_in()
    assert await victim.is_in()


async def test_trojan_identifier(attacker: Person, victim: Person, providers: Providers) -> None:
    """The attacker would add a sign-in of their own: not before the address is proved."""
    await attacker.register(ATTACKERS)
    mine = {
        "provider": "google",
        "token": providers.google.token(sub="attacker", email="attacker@example.com"),
    }
    assert (await attacker.post("/users/me/identities", **mine)).json()["code"] == "email_unverified"
    await victim.get_in_by_mail()
    assert (await attacker.post("/auth/social", **mine)).json()["user"]["email"] == "attacker@example.com"


async def test_trojan_identifier_that_opened_the_account(
    attacker: Person, victim: Person, providers: Providers
) -> None:
    """A Facebook identity that claims the victim's address has opened the account: a reset removes it."""
    person = {"sub": "1001", "email": VICTIM}
    token = providers.facebook.limited_token(**person)
    opened = await attacker.post("/auth/social", provider="facebook", token=token)
    assert opened.json()["user"]["email_verified"] is False
    await victim.get_in_by_mail()
    assert not await attacker.is_in()
    token = providers.facebook.limited_token(**person)
    again = await attacker.post("/auth/social", provider="facebook", token=token)
    assert (again.status_code, again.json()["code"]) == (409, "link_required")


async def test_the_confirm_letter_makes_no_strangers_account_the_victims(
    attacker: Person, victim: Person, providers: Providers
) -> None:
    """The victim follows the e-mail of an account that the attacker has opened: it stays unconfirmed."""
    await attacker.register(ATTACKERS)
    email = await victim.emails.token("verify_email")
    alone = await victim.post("/auth/email/verify", token=email)
    assert (alone.status_code, alone.json()["code"]) == (403, "account_proof_required")
    guessed = await victim.post("/auth/email/verify", token=email, password=VICTIMS)
    assert (guessed.status_code, guessed.json()["code"]) == (403, "wrong_password")
    assert "www-authenticate" not in guessed.headers
    google = providers.google.token(sub="v", email=VICTIM, email_verified=True)
    await victim.post("/auth/social", provider="google", token=google)
    await assert_apart(attacker, victim)
    apple = {"provider": "apple", "token": providers.apple.token(sub="evil", email="attacker@example.com")}
    assert (await attacker.post("/users/me/identities", **apple)).json()["code"] == "email_unverified"


async def test_the_victim_removes_the_strangers_account(attacker: Person, victim: Person) -> None:
    await attacker.register(ATTACKERS)
    email = await victim.emails.token("verify_email")
    assert (await victim.post("/auth/email/reject", token=email)).status_code == 204
    assert not await attacker.is_in()
    assert await attacker.log_in(ATTACKERS) == 401
    assert (await victim.register(VICTIMS)).status_code == 201


async def test_trojan_identifier_on_an_account_that_was_confirmed(
    attacker: Person, victim: Person, providers: Providers
) -> None:
    """Even when the account was confirmed, with the attacker's help, a reset removes the identity."""
    person = {"sub": "1002", "email": VICTIM}
    token = providers.facebook.limited_token(**person)
    await attacker.post("/auth/social", provider="facebook", token=token)
    email = await victim.emails.token("verify_email")
    alone = await victim.post("/auth/email/verify", token=email, password=VICTIMS)
    assert (alone.status_code, alone.json()["code"]) == (409, "no_password")
    assert (await attacker.post("/auth/email/verify", token=email)).status_code == 204
    await victim.get_in_by_mail()
    token = providers.facebook.limited_token(**person)
    again = await attacker.post("/auth/social", provider="facebook", token=token)
    assert (again.status_code, again.json()["code"]) == (409, "link_required")


async def test_unexpired_email_change(attacker: Person, victim: Person) -> None:
    """Nothing that the attacker has started with the account's address can be finished later."""
    await attacker.register(ATTACKERS)
    await attacker.put("/users/me", email="attacker@example.com", email_verified=True)
    assert (await attacker.profile())["email"] == VICTIM
    before = await victim.emails.token("verify_email")
    own = {"new_email": "attacker@example.com", "password": ATTACKERS}
    assert (await attacker.put("/users/me/email", **own)).status_code == 202
    change = await victim.emails.token("change_email")
    await victim.get_in_by_mail()
    for token in (before, change):
        late = await attacker.post("/auth/email/verify", token=token)
        assert (late.status_code, late.json()["code"]) == (400, "token_used")


async def test_a_link_to_an_address_that_the_account_has_lost_is_void(
    attacker: Person, victim: Person, providers: Providers
) -> None:
    await attacker.register(ATTACKERS)
    email = await victim.emails.token("verify_email")
    token = providers.google.token(email=VICTIM, email_verified=True)
    await victim.post("/auth/social", provider="google", token=token)
    late = await attacker.post("/auth/email/verify", token=email)
    assert (late.status_code, late.json()["code"]) == (400, "token_used")
    await assert_apart(attacker, victim)


async def test_an_account_without_its_address_goes_on(
    attacker: Person, victim: Person, providers: Providers, database: Database, admin: httpx.AsyncClient
) -> None:
    await attacker.register(ATTACKERS)
    token = providers.google.token(email=VICTIM, email_verified=True)
    await victim.post("/auth/social", provider="google", token=token)
    letters = len(await victim.emails.emails())
    assert (await attacker.post("/users/me/email/verify")).status_code == 202
    change = {"current_password": ATTACKERS, "new_password": VICTIMS}
    assert (await attacker.put("/users/me/password", **change)).status_code == 204
    assert len(await victim.emails.emails()) == letters, "there is no address to write to"
    listed = (await admin.get("/api/v1/admin/users")).json()["users"]
    assert sorted(str(user["email"]) for user in listed if user["role"] == "learner") == ["None", VICTIM]
    async with database.transaction() as session:
        exported = await get_account_export(session, UUID((await attacker.profile())["id"]))
        updated = await outbox_events(session, UserUpdated)
    assert exported.profile.email is None
    assert str(updated[0].data.user_id) == (await attacker.profile())["id"]


async def test_of_many_sign_ins_at_an_unconfirmed_address_one_opens_an_account(
    settings: ApiSettings, committed_database: Database, open_account: Any, providers: Providers
) -> None:
    await open_account(committed_database, email=VICTIM)
    person = {"sub": "g-70", "email": VICTIM, "email_verified": True}
    tokens = [providers.google.token(**person) for _ in range(8)]
    app = create_app(settings.model_copy(update={"database_pool_size": 20}))
    async with api_client(app) as client:
        bodies = [{"provider": "google", "token": token} for token in tokens]
        answers = await asyncio.gather(*(client.post("/api/v1/auth/social", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["user"]["email"] for answer in answers} == {VICTIM}
    async with committed_database.transaction() as session:
        emails = await session.scalars(select(User.email).order_by(User.id))
        assert emails.all() == [None, VICTIM]


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_non_verifying_provider(
    attacker: Person, victim: Person, providers: Providers, provider: str
) -> None:
    """The attacker's provider states the victim's address without having asked it: it opens nothing."""
    await victim.register(VICTIMS)
    email = await victim.emails.token("verify_email")
    await victim.post("/auth/email/verify", token=email)
    token = {
        "google": lambda: providers.google.token(sub="evil", email=VICTIM, email_verified=False),
        "apple": lambda: providers.apple.token(sub="evil", email=VICTIM, email_verified="false"),
        "facebook": lambda: providers.facebook.limited_token(sub="666", email=VICTIM, email_verified=True),
    }[provider]()
    answer = await attacker.post("/auth/social", provider=provider, token=token)
    assert (answer.status_code, answer.json()["code"]) == (409, "link_required")
    assert await victim.is_in()


async def test_non_verifying_provider_that_was_there_first(
    attacker: Person, victim: Person, providers: Providers
) -> None:
    """Nobody had proved the address when the attacker opened the account; the victim's provider has."""
    person = {"sub": "evil", "email": VICTIM, "email_verified": False, "name": "Mallory"}
    unproved = providers.google.token(**person)
    assert (await attacker.post("/auth/social", provider="google", token=unproved)).status_code == 200
    proved = providers.apple.token(sub="victim", email=VICTIM, email_verified="true")
    assert (await victim.post("/auth/social", provider="apple", token=proved)).status_code == 200
    unproved = providers.google.token(**person)
    again = await attacker.post("/auth/social", provider="google", token=unproved)
    assert again.json()["user"]["email"] is None
    await assert_apart(attacker, victim)


async def test_a_strangers_account_does_not_fill_the_mailbox(attacker: Person, victim: Person) -> None:
    await attacker.register(ATTACKERS)
    await victim.emails.emails()
    password = ATTACKERS
    for new_password in ("Another4Kettle7Moon", "Another5Kettle8Moon"):
        change = {"current_password": password, "new_password": new_password}
        assert (await attacker.put("/users/me/password", **change)).status_code == 204
        password = new_password
    letters = [letter["Subject"] for letter in await victim.emails.emails() if VICTIM in letter["To"]]
    assert letters == ["Confirm your e-mail address"]
