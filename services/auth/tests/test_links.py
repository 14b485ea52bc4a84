"""Links in e-mails: confirming an address, setting a new password."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from auth.commands.emails import request_email
from auth.commands.password_resets import redeem_password_reset
from auth.errors import TokenUsed
from auth.models import AuditEntry, EmailRequest, OneTimeToken, User
from auth.tokens import one_time_tokens
from contracts.auth import UserUpdated
from shared.data.db import Database
from shared.testing import recorded
from sqlalchemy import func, select, update
from tests.mailbox import Mailbox

FORGOT, RESET, VERIFY = (
    f"/api/v1/auth/{path}" for path in ("password/forgot", "password/reset", "email/verify")
)
LOGIN, REFRESH, ME = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/users/me"
NEW = "Brandnew4Password"


async def log_in(client: httpx.AsyncClient, user: User, password: str) -> httpx.Response:
    return await client.post(LOGIN, json={"email": user.email, "password": password})


async def reset_token(client: httpx.AsyncClient, user: User, mailbox: Mailbox) -> str:
    answer = await client.post(FORGOT, json={"email": user.email.upper()})
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
    (letter,) = await mailbox.emails()
    assert letter["To"] == "ada@example.com"
    assert letter.get_content().startswith("Hello,"), "a stranger may have written the name"
    token = await mailbox.token("verify_email")
    assert (await client.post(VERIFY, json={"token": token})).status_code == 204
    me = await client.get(ME, headers={"Authorization": f"Bearer {opened['access_token']}"})
    assert me.json()["email_verified"] is True
    async with database.transaction() as session:
        assert len(await recorded(session, UserUpdated)) == 1


async def test_a_reset_opens_the_account_and_ends_every_sign_in(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    before = (await log_in(client, user, "Correct4Horse")).json()
    token = await reset_token(client, user, mailbox)
    assert (await client.post(RESET, json={"token": token, "password": NEW})).status_code == 204
    stale = {"Authorization": f"Bearer {before['access_token']}"}
    assert (await client.get(ME, headers=stale)).status_code == 401
    refreshed = await client.post(REFRESH, json={"refresh_token": before["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await log_in(client, user, "Correct4Horse")).status_code == 401
    assert (await log_in(client, user, NEW)).json()["user"]["email_verified"] is True
    assert [letter["Subject"] for letter in await mailbox.emails()][-1] == "Your password was changed"
    async with database.transaction() as session:
        actions = (await session.scalars(select(AuditEntry.action))).all()
    assert actions == ["password_reset"]


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
            request_email(session, purpose, user.email_key)
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


async def test_a_weak_password_does_not_use_up_the_link(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    token = await reset_token(client, user, mailbox)
    answer = await client.post(RESET, json={"token": token, "password": "weak"})
    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
    assert (await client.post(RESET, json={"token": token, "password": NEW})).status_code == 204


async def test_tokens_are_kept_by_their_hash(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    token = await reset_token(client, user, mailbox)
    async with database.transaction() as session:
        kept = [str(list(row)) for row in await session.execute(select(OneTimeToken.__table__))]
    assert kept
    assert token not in str(kept)


async def test_of_a_hundred_uses_at_once_one_counts(committing: Database, open_account: Any) -> None:
    user = await open_account(committing)
    now = datetime.now(UTC)
    async with committing.transaction() as session:
        token = await one_time_tokens.issue(session, user.id, "reset_password", now=now)
    assert token is not None

    async def reset(password_hash: str) -> str:
        try:
            async with committing.transaction() as session:
                await redeem_password_reset(session, token, new_hash=password_hash, now=now)
        except TokenUsed:
            return "used"
        return password_hash

    outcomes = await asyncio.gather(*(reset(f"hash {number}") for number in range(10)))
    (winner,) = set(outcomes) - {"used"}
    assert outcomes.count("used") == 9
    async with committing.transaction() as session:
        assert await session.scalar(select(User.password_hash)) == winner


async def test_known_and_unknown_addresses_cause_the_same_work(
    client: httpx.AsyncClient, user: User, database: Database
) -> None:
    answers = [
        await client.post(FORGOT, json={"email": email}) for email in (user.email, "nobody@example.com")
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
    assert {frozenset(answer.headers) for answer in answers} == {frozenset(answers[0].headers)}
    async with database.transaction() as session:
        letters = await session.execute(select(EmailRequest.kind, func.count()).group_by(EmailRequest.kind))
        assert letters.all() == [("reset_password", 2)]


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
