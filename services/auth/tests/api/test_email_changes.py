from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from auth.models import AuditEntry, OneTimeToken, RefreshTokenFamily, SentEmail, User
from auth.tokens.opaque_tokens import compute_digest
from contracts.auth import UserUpdated
from shared.data.db import Database
from shared.testing import outbox_events
from sqlalchemy import select, update
from tests.mailbox import Mailbox
from tests.providers import Providers

ME = "/api/v1/users/me"
LOGIN, SOCIAL = "/api/v1/auth/login", "/api/v1/auth/social"
VERIFY, REJECT = "/api/v1/auth/email/verify", "/api/v1/auth/email/reject"
PASSWORD, NEW = "Correct4Horse", "new.address@example.com"
CHANGE = {"new_email": NEW, "password": PASSWORD}


async def request_change(sender: httpx.AsyncClient, mailbox: Mailbox, **overrides: str) -> str:
    response = await sender.put(f"{ME}/email", json={**CHANGE, **overrides})
    assert (response.status_code, response.content) == (202, b"")
    return await mailbox.get_token("change_email")


async def get_email(sender: httpx.AsyncClient) -> tuple[str | None, bool]:
    user = (await sender.get(ME)).json()
    return user["email"], user["email_verified"]


def get_error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_an_address_changes_when_the_new_one_is_confirmed(
    client: httpx.AsyncClient,
    user_client: httpx.AsyncClient,
    user: User,
    mailbox: Mailbox,
    database: Database,
) -> None:
    token = await request_change(user_client, mailbox)
    emails = {email["To"]: email for email in await mailbox.list_emails()}
    assert set(emails) == {NEW, user.email}
    assert emails[NEW].get_content().startswith("Hello,")
    assert "#token=" not in emails[str(user.email)].get_content()
    assert await get_email(user_client) == (user.email, False)
    assert get_error(await client.post(VERIFY, json={"token": token})) == (403, "account_proof_required")
    for _ in range(2):
        assert (await client.post(VERIFY, json={"token": token, "password": PASSWORD})).status_code == 204
    assert await get_email(user_client) == (NEW, True)
    for email, status in ((user.email, 401), (NEW, 200)):
        response = await client.post(LOGIN, json={"email": email, "password": PASSWORD})
        assert response.status_code == status
    async with database.transaction() as session:
        assert (await session.scalars(select(AuditEntry.action))).all() == ["email_changed"]
        assert len(await outbox_events(session, UserUpdated)) == 1


async def test_a_change_of_address_expires_after_an_hour(
    user_client: httpx.AsyncClient, mailbox: Mailbox, database: Database
) -> None:
    token = await request_change(user_client, mailbox)
    async with database.transaction() as session:
        older = OneTimeToken.expires_at - timedelta(hours=1)
        await session.execute(update(OneTimeToken).values(expires_at=older))
    assert get_error(await user_client.post(VERIFY, json={"token": token})) == (400, "token_expired")


async def test_a_second_change_of_address_cancels_the_first(
    user_client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    first = await request_change(user_client, mailbox)
    second = await request_change(user_client, mailbox, new_email="other@example.com")
    assert get_error(await user_client.post(VERIFY, json={"token": first})) == (400, "token_used")
    assert (await user_client.post(VERIFY, json={"token": second})).status_code == 204
    assert await get_email(user_client) == ("other@example.com", True)


@pytest.mark.parametrize("by", ["reset", "change of password", "reject"])
async def test_a_reset_a_new_password_or_a_rejection_cancels_a_change_of_address(
    client: httpx.AsyncClient, user_client: httpx.AsyncClient, user: User, mailbox: Mailbox, by: str
) -> None:
    token, fresh = await request_change(user_client, mailbox), "Brandnew4Password"
    if by == "reset":
        await client.post("/api/v1/auth/password/forgot", json={"email": user.email})
        reset = {"token": await mailbox.get_token("reset_password"), "password": fresh}
        assert (await client.post("/api/v1/auth/password/reset", json=reset)).status_code == 204
    elif by == "reject":
        fresh = PASSWORD
        assert (await client.post(REJECT, json={"token": token})).status_code == 204
    else:
        change = {"current_password": PASSWORD, "new_password": fresh}
        assert (await user_client.put(f"{ME}/password", json=change)).status_code == 204
    late = await client.post(VERIFY, json={"token": token, "password": fresh})
    assert get_error(late) == (400, "token_used")
    assert (await client.post(LOGIN, json={"email": user.email, "password": fresh})).status_code == 200


async def test_a_change_does_not_reveal_that_the_address_is_taken(
    user_client: httpx.AsyncClient, database: Database, open_account: Any, mailbox: Mailbox, user: User
) -> None:
    await open_account(database, email=NEW, email_verified=True)
    assert (await user_client.put(f"{ME}/email", json=CHANGE)).status_code == 202
    subjects = {email["To"]: email["Subject"] for email in await mailbox.list_emails()}
    assert subjects == {
        NEW: "You already have a Parley account",
        user.email: "Your e-mail address is about to change",
    }


async def test_an_address_gets_five_notices_a_day(
    user_client: httpx.AsyncClient, database: Database, mailbox: Mailbox, user: User
) -> None:
    # The new address gets no more links, so these changes do not count as the account's five of a day.
    digest, now = compute_digest(NEW), datetime.now(UTC)
    async with database.transaction() as session:
        session.add_all(
            SentEmail(address_digest=digest, purpose="change_email", sent_at=now) for _ in range(5)
        )
    for _ in range(7):
        assert (await user_client.put(f"{ME}/email", json=CHANGE)).status_code == 202
    assert [email["To"] for email in await mailbox.list_emails()] == [user.email] * 5


async def test_a_change_fails_if_another_account_confirms_the_address_first(
    user_client: httpx.AsyncClient, database: Database, open_account: Any, mailbox: Mailbox
) -> None:
    token = await request_change(user_client, mailbox)
    await open_account(database, email=NEW, email_verified=True)
    assert get_error(await user_client.post(VERIFY, json={"token": token})) == (409, "email_taken")


async def test_an_unconfirmed_account_loses_its_address_to_a_confirmed_change(
    user_client: httpx.AsyncClient, database: Database, open_account: Any, mailbox: Mailbox
) -> None:
    unconfirmed_user = await open_account(database, email=NEW)
    token = await request_change(user_client, mailbox)
    assert (await user_client.post(VERIFY, json={"token": token})).status_code == 204
    assert await get_email(user_client) == (NEW, True)
    async with database.transaction() as session:
        assert (await session.get_one(User, unconfirmed_user.id)).email is None


async def test_an_account_that_lost_its_address_can_add_another(
    client: httpx.AsyncClient,
    user_client: httpx.AsyncClient,
    user: User,
    mailbox: Mailbox,
    providers: Providers,
) -> None:
    verified_identity = {
        "provider": "google",
        "token": providers.google.create_token(email=user.email, email_verified=True),
    }
    assert (await client.post(SOCIAL, json=verified_identity)).status_code == 200
    assert await get_email(user_client) == (None, False)
    token = await request_change(user_client, mailbox)
    assert [email["To"] for email in await mailbox.list_emails()] == [NEW]
    assert (await user_client.post(VERIFY, json={"token": token})).status_code == 204
    assert await get_email(user_client) == (NEW, True)


async def test_a_change_of_address_needs_the_password_or_a_recent_sign_in(
    user_client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    wrong = await user_client.put(f"{ME}/email", json=CHANGE | {"password": "Wrong4Horse"})
    assert get_error(wrong) == (403, "wrong_password")
    assert "www-authenticate" not in wrong.headers
    assert (await user_client.put(f"{ME}/email", json={"new_email": NEW})).status_code == 202
    async with database.transaction() as session:
        older = RefreshTokenFamily.created_at - timedelta(minutes=11)
        await session.execute(update(RefreshTokenFamily).values(created_at=older))
    assert get_error(await user_client.put(f"{ME}/email", json={"new_email": NEW})) == (
        403,
        "recent_sign_in_required",
    )
    assert (await user_client.put(f"{ME}/email", json=CHANGE)).status_code == 202


async def test_an_account_can_request_five_changes_of_address_a_day(
    user_client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    for _ in range(5):
        await request_change(user_client, mailbox)
    assert get_error(await user_client.put(f"{ME}/email", json=CHANGE)) == (429, "too_many_requests")
