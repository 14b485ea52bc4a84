"""Accounts are deleted while their e-mails are being sent through a slow mail server."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from auth.app import create_app
from auth.commands.emails import request_email
from auth.commands.users import delete_user, lock_admins, lock_user
from auth.emails import EmailSender
from auth.errors import LastAdmin
from auth.models import EmailRequest, User
from auth.settings import ApiSettings
from auth.tokens import one_time_tokens
from auth.tokens.one_time_tokens import RETENTION
from shared.data.db import Database
from shared.testing import api_client
from sqlalchemy import select

ME = "/api/v1/users/me"
SMTP_SECONDS = 2.0
MAX_DELETION_SECONDS = 1.8
ACCOUNTS = 40


class SlowMailer:
    """A mailer as slow as some mail servers."""

    def __init__(self) -> None:
        self.recipients: list[str] = []
        self.started = asyncio.Event()

    async def send(self, message: EmailMessage, *, link: str | None) -> None:
        self.recipients.append(str(message["To"]))
        self.started.set()
        await asyncio.sleep(SMTP_SECONDS)


@pytest.fixture
def mailer() -> SlowMailer:
    return SlowMailer()


def create_sender(database: Database, mailer: SlowMailer) -> EmailSender:
    return EmailSender(database, mailer, sender="Parley <a@example.com>", account_url="https://example.com")


async def send_until(stopping: asyncio.Event, sender: EmailSender) -> None:
    while not stopping.is_set():
        if not await sender.send_next():
            await asyncio.sleep(0.01)


async def open_accounts(database: Database, open_account: Any, count: int) -> list[User]:
    users = [await open_account(database) for _ in range(count)]
    async with database.transaction() as session:
        for user in users:
            request_email(session, "reset_password", user.email)
    return users


async def measure(request: Any) -> tuple[int, float]:
    started = time.monotonic()
    response: httpx.Response = await request
    return response.status_code, time.monotonic() - started


@pytest.mark.timed
async def test_deletions_neither_fail_nor_wait_for_the_mail_server(
    settings: ApiSettings,
    committed_database: Database,
    open_account: Any,
    access_for: Any,
    mailer: SlowMailer,
) -> None:
    users = await open_accounts(committed_database, open_account, ACCOUNTS)
    admin_user = await open_account(committed_database, role="admin")
    tokens = [await access_for(committed_database, user) for user in users]
    headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
    admin = {"Authorization": f"Bearer {await access_for(committed_database, admin_user)}"}
    stopping = asyncio.Event()
    senders = [create_sender(committed_database, mailer) for _ in range(3)]
    working = asyncio.gather(*(send_until(stopping, sender) for sender in senders))
    responses: list[tuple[int, float]] = []
    async with api_client(create_app(settings)) as client:
        await mailer.started.wait()
        for start in range(0, ACCOUNTS, 8):
            deletions = (
                client.delete(ME, headers=user_headers) for user_headers in headers[start : start + 8]
            )
            change = client.put(ME, json={"name": f"Boss {start}"}, headers=admin)
            responses += await asyncio.gather(*map(measure, (*deletions, change)))
    stopping.set()
    # Raises if a deletion conflicted with a worker.
    await working
    assert {status for status, _ in responses} == {200, 204}
    assert max(seconds for _, seconds in responses) < MAX_DELETION_SECONDS
    # Only e-mails that were being sent when their account was deleted were sent.
    assert len(mailer.recipients) < ACCOUNTS


async def test_the_email_of_a_deleted_account_is_not_sent(
    committed_database: Database, open_account: Any, mailer: SlowMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (user,) = await open_accounts(committed_database, open_account, 1)
    sender = create_sender(committed_database, mailer)
    claim = sender._claim

    async def claim_and_lose(**arguments: Any) -> EmailRequest | None:
        claimed = await claim(**arguments)
        async with committed_database.transaction() as session:
            await delete_user(session, user.id, actor=user.id)
        return claimed

    monkeypatch.setattr(sender, "_claim", claim_and_lose)
    assert await sender.send_next()
    assert mailer.recipients == []
    async with committed_database.transaction() as session:
        assert (await session.scalars(select(EmailRequest))).all() == []


async def test_concurrent_deletions_leave_one_admin(committed_database: Database, open_account: Any) -> None:
    admins = [await open_account(committed_database, role="admin") for _ in range(5)]

    async def leave(user: User) -> str:
        try:
            async with committed_database.transaction() as session:
                await delete_user(session, user.id, actor=user.id)
        except LastAdmin:
            return "refused"
        return "deleted"

    outcomes = await asyncio.gather(*map(leave, admins))
    assert sorted(outcomes) == ["deleted"] * 4 + ["refused"]


@pytest.mark.timed
async def test_a_learner_can_delete_their_account_while_admins_change(
    committed_database: Database, open_account: Any
) -> None:
    user, admin_user = (
        await open_account(committed_database),
        await open_account(committed_database, role="admin"),
    )
    async with committed_database.transaction() as busy:
        await lock_admins(busy)
        await lock_user(busy, admin_user.id)
        async with asyncio.timeout(2), committed_database.transaction() as session:
            await delete_user(session, user.id, actor=user.id)


@pytest.mark.timed
async def test_issuing_a_token_does_not_wait_for_tokens_of_other_accounts(
    committed_database: Database, open_account: Any, mailer: SlowMailer
) -> None:
    leaving, now = await open_account(committed_database), datetime.now(UTC)
    old = now - RETENTION - timedelta(days=2)
    async with committed_database.transaction() as session:
        await one_time_tokens.issue(session, leaving.id, "reset_password", email_key=leaving.email, now=old)
    (user,) = await open_accounts(committed_database, open_account, 1)
    async with committed_database.transaction() as busy:
        await delete_user(busy, leaving.id, actor=leaving.id)
        async with asyncio.timeout(SMTP_SECONDS + 2):
            assert await create_sender(committed_database, mailer).send_next()
    assert mailer.recipients == [user.email]
