from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
from auth.models import AuditEntry, EmailRequest, OneTimeToken, SentEmail, User
from fastapi import FastAPI
from shared.data.db import Database
from shared.http.ratelimit import get_client_address
from sqlalchemy import func, select, update
from tests.mailbox import Mailbox

FORGOT, RESET = "/api/v1/auth/password/forgot", "/api/v1/auth/password/reset"
LOGIN, REFRESH, ME = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/users/me"
NEW = "Brandnew4Password"


async def log_in(client: httpx.AsyncClient, user: User, password: str) -> httpx.Response:
    return await client.post(LOGIN, json={"email": user.email, "password": password})


async def request_reset_token(client: httpx.AsyncClient, user: User, mailbox: Mailbox) -> str:
    response = await client.post(FORGOT, json={"email": str(user.email).upper()})
    assert (response.status_code, response.content) == (202, b"")
    return await mailbox.get_token("reset_password")


async def test_a_reset_sets_the_password_and_ends_every_session(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    before = (await log_in(client, user, "Correct4Horse")).json()
    token = await request_reset_token(client, user, mailbox)
    assert (await client.post(RESET, json={"token": token, "password": NEW})).status_code == 204
    stale = {"Authorization": f"Bearer {before['access_token']}"}
    assert (await client.get(ME, headers=stale)).status_code == 401
    refreshed = await client.post(REFRESH, json={"refresh_token": before["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await log_in(client, user, "Correct4Horse")).status_code == 401
    assert (await log_in(client, user, NEW)).json()["user"]["email_verified"] is True
    assert [email["Subject"] for email in await mailbox.list_emails()][-1] == "Your password was changed"
    async with database.transaction() as session:
        actions = (await session.scalars(select(AuditEntry.action))).all()
    assert actions == ["password_reset"]


async def test_a_reset_keeps_the_name_of_a_confirmed_account(
    client: httpx.AsyncClient, database: Database, open_account: Any, mailbox: Mailbox
) -> None:
    owner = await open_account(database, email_verified=True)
    token = await request_reset_token(client, owner, mailbox)
    assert (await client.post(RESET, json={"token": token, "password": NEW})).status_code == 204
    assert (await log_in(client, owner, NEW)).json()["user"]["name"] == "Ada"
    assert (await mailbox.list_emails())[-1].get_content().startswith("Hello Ada,")


async def test_a_weak_password_does_not_use_up_the_token(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    token = await request_reset_token(client, user, mailbox)
    response = await client.post(RESET, json={"token": token, "password": "weak"})
    assert (response.status_code, response.json()["code"]) == (422, "weak_password")
    assert (await client.post(RESET, json={"token": token, "password": NEW})).status_code == 204


async def test_one_time_tokens_are_stored_as_hashes(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    token = await request_reset_token(client, user, mailbox)
    async with database.transaction() as session:
        rows = [str(list(row)) for row in await session.execute(select(OneTimeToken.__table__))]
    assert rows
    assert token not in str(rows)


async def test_known_and_unknown_addresses_cause_the_same_work(
    client: httpx.AsyncClient, user: User, database: Database
) -> None:
    responses = [
        await client.post(FORGOT, json={"email": email}) for email in (user.email, "nobody@example.com")
    ]
    assert {(response.status_code, response.content) for response in responses} == {(202, b"")}
    assert {frozenset(response.headers) for response in responses} == {frozenset(responses[0].headers)}
    async with database.transaction() as session:
        emails = await session.execute(select(EmailRequest.kind, func.count()).group_by(EmailRequest.kind))
        assert emails.all() == [("reset_password", 2)]


async def test_an_address_receives_at_most_five_reset_e_mails_a_day(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    async def pass_time(**time: float) -> None:
        async with database.transaction() as session:
            earlier = OneTimeToken.created_at - timedelta(**time)
            await session.execute(update(OneTimeToken).values(created_at=earlier))
            await session.execute(update(SentEmail).values(sent_at=SentEmail.sent_at - timedelta(**time)))

    for count in (1, 2, 3, 4, 5, 5, 5):
        assert (await client.post(FORGOT, json={"email": user.email})).status_code == 202
        assert len(await mailbox.list_emails()) == count
        await pass_time(minutes=2)
    await pass_time(days=1)
    await client.post(FORGOT, json={"email": user.email})
    assert len(await mailbox.list_emails()) == 6


async def test_requests_by_strangers_do_not_exhaust_the_owners_email_quota(
    client: httpx.AsyncClient, app: FastAPI, user: User, mailbox: Mailbox, database: Database
) -> None:
    async def request_from(address: str) -> int:
        app.dependency_overrides[get_client_address] = lambda: address
        assert (await client.post(FORGOT, json={"email": user.email})).status_code == 202
        sent = len(await mailbox.list_emails())
        async with database.transaction() as session:
            earlier = OneTimeToken.created_at - timedelta(minutes=2)
            await session.execute(update(OneTimeToken).values(created_at=earlier))
        return sent

    known_address = uuid4().hex
    app.dependency_overrides[get_client_address] = lambda: known_address
    assert (await log_in(client, user, "Correct4Horse")).status_code == 200
    assert [await request_from(uuid4().hex) for _ in range(6)] == [1, 2, 3, 4, 5, 5]
    assert [await request_from(known_address) for _ in range(6)] == [6, 7, 8, 9, 10, 10]
    assert await request_from(uuid4().hex) == 10
