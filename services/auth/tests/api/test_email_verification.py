from datetime import timedelta
from typing import Any

import httpx
import pytest
from auth.commands.emails import request_email
from auth.models import OneTimeToken, User
from contracts.auth import UserUpdated
from shared.data.db import Database
from shared.testing import outbox_events
from sqlalchemy import update
from tests.mailbox import Mailbox

FORGOT = "/api/v1/auth/password/forgot"
RESET = "/api/v1/auth/password/reset"
VERIFY = "/api/v1/auth/email/verify"
ME = "/api/v1/users/me"
NEW = "Brandnew4Password"


async def reset_token(client: httpx.AsyncClient, user: User, mailbox: Mailbox) -> str:
    answer = await client.post(FORGOT, json={"email": str(user.email).upper()})
    assert (answer.status_code, answer.content) == (202, b"")
    return await mailbox.token("reset_password")


async def age(database: Database, by: timedelta) -> None:
    """Let time go by for the links that were sent."""
    async with database.transaction() as session:
        older = {"created_at": OneTimeToken.created_at - by, "expires_at": OneTimeToken.expires_at - by}
        await session.execute(update(OneTimeToken).values(older))


async def test_a_new_account_is_confirmed_by_its_link(
    client: httpx.AsyncClient, database: Database, mailbox: Mailbox
) -> None:
    account = {"email": "ada@example.com", "password": "Correct4Horse", "name": "Ada"}
    opened = (await client.post("/api/v1/auth/register", json=account)).json()
    (email,) = await mailbox.emails()
    assert email["To"] == "ada@example.com"
    assert email.get_content().startswith("Hello,"), "a stranger may have written the name"
    token = await mailbox.token("verify_email")
    assert (await client.post(VERIFY, json={"token": token})).status_code == 204
    me = await client.get(ME, headers={"Authorization": f"Bearer {opened['access_token']}"})
    assert me.json()["email_verified"] is True
    async with database.transaction() as session:
        assert len(await outbox_events(session, UserUpdated)) == 1


@pytest.mark.parametrize("purpose", ["verify_email", "reset_password"])
async def test_a_link_says_why_it_is_good_for_nothing(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database, purpose: Any
) -> None:
    async def use(token: str) -> tuple[int, str]:
        path, body = (VERIFY, {}) if purpose == "verify_email" else (RESET, {"password": NEW})
        answer = await client.post(path, json={"token": token, **body})
        return answer.status_code, answer.json()["code"] if answer.content else ""

    async def sent() -> str:
        async with database.transaction() as session:
            request_email(session, purpose, str(user.email_key))
        return await mailbox.token(purpose)

    assert await use("x" * 43) == (400, "token_unknown")
    token = await sent()
    await age(database, timedelta(hours=24))
    assert await use(token) == (400, "token_expired")
    token = await sent()
    assert await use(token) == (204, "")
    assert await use(token) == (400, "token_used")


async def test_a_link_is_for_its_purpose_alone(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    token = await reset_token(client, user, mailbox)
    answer = await client.post(VERIFY, json={"token": token})
    assert (answer.status_code, answer.json()["code"]) == (400, "token_unknown")


async def test_another_link_is_sent_when_it_is_asked_for(
    mine: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    for _ in range(2):
        assert (await mine.post(f"{ME}/email/verify")).status_code == 202
    assert len(await mailbox.emails()) == 1, "the second click within a minute sends nothing"
    first = await mailbox.token("verify_email")
    await age(database, timedelta(minutes=2))
    await mine.post(f"{ME}/email/verify")
    assert len(await mailbox.emails()) == 2
    for token in (first, await mailbox.token("verify_email")):
        assert (await mine.post(VERIFY, json={"token": token})).status_code == 204
    await mine.post(f"{ME}/email/verify")
    assert len(await mailbox.emails()) == 2, "a confirmed address is not asked again"
