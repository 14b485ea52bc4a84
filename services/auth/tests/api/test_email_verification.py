import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from auth.app import create_app
from auth.commands.email_verification import reject_email
from auth.commands.emails import request_email
from auth.commands.sign_ins import revoke_user_families
from auth.commands.users import lock_admins, lock_user
from auth.models import AuditEntry, OneTimeToken, User
from auth.settings import ApiSettings
from auth.tokens import one_time_tokens
from contracts.auth import UserDeleted, UserUpdated
from shared.clock import utc_now
from shared.data.db import Database
from shared.testing import api_client, outbox_events
from sqlalchemy import select, update
from tests.mailbox import Mailbox

FORGOT = "/api/v1/auth/password/forgot"
RESET = "/api/v1/auth/password/reset"
VERIFY, REJECT = "/api/v1/auth/email/verify", "/api/v1/auth/email/reject"
ME = "/api/v1/users/me"
NEW = "Brandnew4Password"


async def request_reset_token(client: httpx.AsyncClient, user: User, mailbox: Mailbox) -> str:
    response = await client.post(FORGOT, json={"email": str(user.email).upper()})
    assert (response.status_code, response.content) == (202, b"")
    return await mailbox.get_token("reset_password")


async def age(database: Database, by: timedelta) -> None:
    """Make all tokens older."""
    async with database.transaction() as session:
        older = {"created_at": OneTimeToken.created_at - by, "expires_at": OneTimeToken.expires_at - by}
        await session.execute(update(OneTimeToken).values(older))


async def test_the_link_of_the_first_e_mail_confirms_a_new_account(
    client: httpx.AsyncClient, database: Database, mailbox: Mailbox
) -> None:
    account = {"email": "ada@example.com", "password": "Correct4Horse", "name": "Ada"}
    opened = (await client.post("/api/v1/auth/register", json=account)).json()
    (email,) = await mailbox.list_emails()
    assert email["To"] == "ada@example.com"
    assert email.get_content().startswith("Hello,"), "a stranger may have written the name"
    assert "I did not create this account" in email.get_content()
    confirm = {"token": await mailbox.get_token("verify_email"), "password": account["password"]}
    assert (await client.post(VERIFY, json=confirm)).status_code == 204
    user_response = await client.get(ME, headers={"Authorization": f"Bearer {opened['access_token']}"})
    assert user_response.json()["email_verified"] is True
    async with database.transaction() as session:
        assert len(await outbox_events(session, UserUpdated)) == 1


@pytest.mark.parametrize("purpose", ["verify_email", "reset_password"])
async def test_an_unusable_token_is_refused_with_its_reason(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database, purpose: Any
) -> None:
    async def use(token: str) -> tuple[int, str]:
        old = {"password": "Correct4Horse"}
        path, body = (VERIFY, old) if purpose == "verify_email" else (RESET, {"password": NEW})
        response = await client.post(path, json={"token": token, **body})
        return response.status_code, response.json()["code"] if response.content else ""

    async def send_token() -> str:
        async with database.transaction() as session:
            request_email(session, purpose, str(user.email_key))
        return await mailbox.get_token(purpose)

    assert await use("x" * 43) == (400, "token_unknown")
    token = await send_token()
    await age(database, timedelta(hours=24))
    assert await use(token) == (400, "token_expired")
    token = await send_token()
    assert await use(token) == (204, "")
    again = (204, "") if purpose == "verify_email" else (400, "token_used")
    assert await use(token) == again


async def test_a_token_for_resets_does_not_confirm_an_address(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    token = await request_reset_token(client, user, mailbox)
    response = await client.post(VERIFY, json={"token": token})
    assert (response.status_code, response.json()["code"]) == (400, "token_unknown")


async def test_another_confirmation_e_mail_can_be_requested_after_a_minute(
    user_client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    for _ in range(2):
        assert (await user_client.post(f"{ME}/email/verify")).status_code == 202
    assert len(await mailbox.list_emails()) == 1, "the second click within a minute sends nothing"
    first = await mailbox.get_token("verify_email")
    await age(database, timedelta(minutes=2))
    await user_client.post(f"{ME}/email/verify")
    assert len(await mailbox.list_emails()) == 2
    for token in (first, await mailbox.get_token("verify_email")):
        assert (await user_client.post(VERIFY, json={"token": token})).status_code == 204
    await user_client.post(f"{ME}/email/verify")
    assert len(await mailbox.list_emails()) == 2, "a confirmed address is not asked again"


async def send_link(database: Database, user: User, mailbox: Mailbox) -> str:
    async with database.transaction() as session:
        request_email(session, "verify_email", str(user.email_key))
    return await mailbox.get_token("verify_email")


async def test_confirming_an_address_requires_the_password_or_a_session(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database, admin: httpx.AsyncClient
) -> None:
    token = await send_link(database, user, mailbox)

    async def use(sender: httpx.AsyncClient, **body: Any) -> tuple[int, str]:
        response = await sender.post(VERIFY, json={"token": token, **body})
        assert "www-authenticate" not in response.headers
        return response.status_code, response.json()["code"] if response.content else ""

    assert await use(client) == (403, "account_proof_required")
    assert await use(admin) == (403, "account_proof_required"), "a session of another account"
    assert await use(client, password="Wrong4Horse") == (403, "wrong_password")
    forged = {"Authorization": "Bearer x"}
    response = await client.post(VERIFY, json={"token": token, "password": "Correct4Horse"}, headers=forged)
    assert response.status_code == 401
    assert await use(admin, password="Correct4Horse") == (204, "")
    assert await use(client) == (204, ""), "the address is confirmed"


async def test_a_session_of_the_account_confirms_its_address(
    user_client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    token = await send_link(database, user, mailbox)
    assert (await user_client.post(VERIFY, json={"token": token})).status_code == 204
    assert (await user_client.get(ME)).json()["email_verified"] is True


async def test_an_ended_session_cannot_confirm_an_address(
    user_client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    token = await send_link(database, user, mailbox)
    async with database.transaction() as session:
        await revoke_user_families(session, user.id, now=utc_now())
    assert (await user_client.post(VERIFY, json={"token": token})).status_code == 401


async def test_rejecting_an_account_deletes_it(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    token = await send_link(database, user, mailbox)
    assert (await client.post(REJECT, json={"token": token})).status_code == 204
    for path in (REJECT, VERIFY):
        response = await client.post(path, json={"token": token})
        assert (response.status_code, response.json()["code"]) == (400, "token_unknown")
    async with database.transaction() as session:
        assert await session.get(User, user.id) is None
        (event,) = await outbox_events(session, UserDeleted)
        (entry,) = (await session.scalars(select(AuditEntry))).all()
    assert event.data.user_id == user.id
    assert (entry.action, entry.subject_id, entry.actor_id) == ("account_deleted", user.id, None)


async def test_a_confirmed_account_cannot_be_rejected(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    token = await send_link(database, user, mailbox)
    await client.post(VERIFY, json={"token": token, "password": "Correct4Horse"})
    response = await client.post(REJECT, json={"token": token})
    assert (response.status_code, response.json()["code"]) == (400, "token_used")
    reset = await request_reset_token(client, user, mailbox)
    assert (await client.post(REJECT, json={"token": reset})).json()["code"] == "token_unknown"


async def test_an_expired_token_cannot_reject_an_account(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    token = await send_link(database, user, mailbox)
    await age(database, timedelta(hours=24))
    response = await client.post(REJECT, json={"token": token})
    assert (response.status_code, response.json()["code"]) == (400, "token_expired")


async def test_rejecting_an_admins_account_locks_admins_before_the_row(
    committed_database: Database, open_account: Any
) -> None:
    user, _ = [await open_account(committed_database, role="admin") for _ in range(2)]
    async with committed_database.transaction() as session:
        token = await one_time_tokens.issue(
            session, user.id, "verify_email", email_key=user.email_key, now=utc_now()
        )

    async def reject() -> None:
        async with committed_database.transaction() as session:
            await reject_email(session, str(token))

    async with committed_database.transaction() as busy:
        await lock_admins(busy)
        rejecting = asyncio.create_task(reject())
        await asyncio.sleep(0.2)
        await lock_user(busy, user.id)
    await rejecting


async def test_concurrent_confirmations_and_rejections_agree_on_one_outcome(
    settings: ApiSettings, committed_database: Database, open_account: Any
) -> None:
    user, now = await open_account(committed_database), utc_now()
    async with committed_database.transaction() as session:
        token = await one_time_tokens.issue(
            session, user.id, "verify_email", email_key=user.email_key, now=now
        )
    async with api_client(create_app(settings)) as client:
        responses = await asyncio.gather(
            *(client.post(VERIFY, json={"token": token, "password": "Correct4Horse"}) for _ in range(3)),
            *(client.post(REJECT, json={"token": token}) for _ in range(3)),
        )
    statuses = [response.status_code for response in responses]
    async with committed_database.transaction() as session:
        is_confirmed = await session.get(User, user.id) is not None
    assert statuses[:3] == ([204] * 3 if is_confirmed else [400] * 3)
    assert sorted(statuses[3:]) == ([400] * 3 if is_confirmed else [204, 400, 400])


async def test_recreating_an_account_does_not_reset_the_daily_limit_of_e_mails(
    client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    account = {"email": "stranger@example.com", "password": "Correct4Horse", "name": "Eve"}
    for count in (1, 2, 3, 4, 5, 5, 5):
        opened = await client.post("/api/v1/auth/register", json=account)
        assert opened.status_code == 201
        assert len(await mailbox.list_emails()) == count
        bearer = {"Authorization": f"Bearer {opened.json()['access_token']}"}
        assert (await client.delete("/api/v1/users/me", headers=bearer)).status_code == 204
