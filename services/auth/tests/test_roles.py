"""Roles, who changed them, and the first admin."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from auth.app import create_app
from auth.commands.roles import change_role, create_first_admin
from auth.errors import LastAdmin
from auth.models import AuditEntry, User
from auth.seed import appoint_first_admin
from auth.settings import ApiSettings, FirstAdminSettings
from contracts.auth import UserUpdated
from fastapi import FastAPI
from pydantic import SecretStr
from shared.data.db import Database
from shared.testing import client_of, recorded
from sqlalchemy import select

NOBODY = "01a21139-e5ce-7992-9037-23af3c55e46f"
USERS, AUDIT, LOGIN = "/api/v1/admin/users", "/api/v1/admin/audit", "/api/v1/auth/login"


@pytest.fixture
async def boss(database: Database, open_account: Any) -> User:
    admin: User = await open_account(database, role="admin")
    return admin


@pytest.fixture
async def admin(
    app: FastAPI, database: Database, boss: User, access_for: Any
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, token=await access_for(database, boss)) as client:
        yield client


async def test_a_role_is_changed_told_and_written_down(
    admin: httpx.AsyncClient, boss: User, user: User, database: Database
) -> None:
    before = datetime.now(UTC)
    for _ in range(2):
        answer = await admin.put(f"{USERS}/{user.id}/role", json={"role": "editor"})
        assert (answer.status_code, answer.json()["role"]) == (200, "editor")
    (entry,) = (await admin.get(AUDIT)).json()["entries"]
    assert (entry["action"], entry["actor_id"], entry["subject_id"]) == (
        "role_changed",
        str(boss.id),
        str(user.id),
    )
    assert (entry["before"], entry["after"]) == ({"role": "learner"}, {"role": "editor"})
    assert abs(datetime.fromisoformat(entry["at"]) - before).total_seconds() < 60
    async with database.transaction() as session:
        assert [event.data.user_id for event in await recorded(session, UserUpdated)] == [user.id]
    tokens = await admin.post(LOGIN, json={"email": user.email, "password": "Correct4Horse"})
    claims = jwt.decode(tokens.json()["access_token"], options={"verify_signature": False})
    assert claims["role"] == "editor"


@pytest.mark.parametrize("role", ["learner", "editor"])
async def test_only_admins_see_accounts_and_give_roles(
    app: FastAPI, database: Database, open_account: Any, access_for: Any, role: str
) -> None:
    user = await open_account(database, role=role)
    async with client_of(app, token=await access_for(database, user)) as client:
        for answer in (
            await client.get(USERS),
            await client.get(AUDIT),
            await client.put(f"{USERS}/{user.id}/role", json={"role": "admin"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_withdrawn_role_is_gone_at_once_here(
    admin: httpx.AsyncClient, boss: User, user: User, database: Database
) -> None:
    await admin.put(f"{USERS}/{user.id}/role", json={"role": "admin"})
    async with database.transaction() as session:
        await change_role(session, boss.id, "learner", actor=user.id)
    answer = await admin.put(f"{USERS}/{boss.id}/role", json={"role": "admin"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_the_last_admin_stays(admin: httpx.AsyncClient, boss: User) -> None:
    answer = await admin.put(f"{USERS}/{boss.id}/role", json={"role": "learner"})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")


async def test_the_last_admin_does_not_leave(admin: httpx.AsyncClient, user: User) -> None:
    answer = await admin.delete("/api/v1/users/me")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    await admin.put(f"{USERS}/{user.id}/role", json={"role": "admin"})
    assert (await admin.delete("/api/v1/users/me")).status_code == 204


async def test_two_admins_who_dismiss_each_other_do_not_both_succeed(
    committing: Database, open_account: Any
) -> None:
    one, other = [await open_account(committing, role="admin") for _ in range(2)]

    async def dismiss(whom: User, by: User) -> str:
        try:
            async with committing.transaction() as session:
                await change_role(session, whom.id, "learner", actor=by.id)
        except LastAdmin:
            return "refused"
        return "dismissed"

    outcomes = await asyncio.gather(dismiss(other, one), dismiss(one, other))
    assert sorted(outcomes) == ["dismissed", "refused"]


@pytest.mark.parametrize(
    ("user_id", "body", "status"),
    [
        (NOBODY, {"role": "editor"}, 404),
        ("nobody", {"role": "editor"}, 422),
        (NOBODY, {"role": "owner"}, 422),
        (NOBODY, {"role": ["admin"]}, 422),
        (NOBODY, {}, 422),
    ],
)
async def test_bad_requests_for_a_role(
    admin: httpx.AsyncClient, user_id: str, body: dict[str, Any], status: int
) -> None:
    assert (await admin.put(f"{USERS}/{user_id}/role", json=body)).status_code == status


async def test_accounts_are_found_page_by_page(
    admin: httpx.AsyncClient, boss: User, database: Database, open_account: Any
) -> None:
    opened = [await open_account(database, email=f"learner{number}@example.com") for number in range(5)]
    wanted: dict[str, Any] = {"email": "LEARNER", "limit": 2}
    seen: list[str] = []
    while True:
        page = (await admin.get(USERS, params=wanted)).json()
        seen += [user["id"] for user in page["users"]]
        if page["pagination"]["next_cursor"] is None:
            break
        wanted["cursor"] = page["pagination"]["next_cursor"]
    assert seen == [str(user.id) for user in reversed(opened)]
    admins = (await admin.get(USERS, params={"role": "admin"})).json()["users"]
    assert [user["id"] for user in admins] == [str(boss.id)]
    assert (await admin.get(USERS, params={"email": "%"})).json()["users"] == []
    for bad in ({"limit": 201}, {"limit": 0}, {"cursor": "x"}, {"role": "owner"}, {"email": "a\x00"}):
        assert (await admin.get(USERS, params=bad)).status_code == 422


async def test_the_audit_log_is_filtered(admin: httpx.AsyncClient, user: User) -> None:
    await admin.put(f"{USERS}/{user.id}/role", json={"role": "editor"})
    for wanted, found in (
        ({"subject_id": str(user.id)}, 1),
        ({"subject_id": str(uuid4())}, 0),
        ({"action": "role_changed"}, 1),
        ({"action": "account_deleted"}, 0),
    ):
        assert len((await admin.get(AUDIT, params=wanted)).json()["entries"]) == found


async def first_admin(database: Database, email: str) -> bool:
    async with database.transaction() as session:
        return await create_first_admin(session, email=email, password_hash="a hash")


async def test_the_first_admin_is_appointed_once(database: Database) -> None:
    assert await first_admin(database, "boss@example.com")
    assert not await first_admin(database, "other@example.com")
    async with database.transaction() as session:
        (user,) = (await session.scalars(select(User))).all()
        assert (user.email, user.role, user.email_verified) == ("boss@example.com", "admin", True)
        assert (await session.scalars(select(AuditEntry.action))).all() == ["admin_appointed"]


async def test_a_stranger_who_took_the_admins_address_first_is_out(
    database: Database, user: User, app: FastAPI, access_for: Any
) -> None:
    token = await access_for(database, user)
    assert await first_admin(database, user.email)
    async with client_of(app, token=token) as stranger:
        assert (await stranger.get("/api/v1/users/me")).status_code == 401
        guess = {"email": user.email, "password": "Correct4Horse"}
        assert (await stranger.post(LOGIN, json=guess)).status_code == 401


@pytest.mark.parametrize(
    ("email", "password", "said"),
    [
        ("boss@example.com", "weak", "FIRST_ADMIN_PASSWORD: The password must have 8 to 128 characters"),
        ("boss", "Correct4Horse", "FIRST_ADMIN_EMAIL"),
        ("", "", "FIRST_ADMIN_EMAIL"),
    ],
)
async def test_an_admin_who_could_not_sign_in_is_not_appointed(
    settings: ApiSettings, email: str, password: str, said: str
) -> None:
    wanted = {"first_admin_email": email, "first_admin_password": SecretStr(password)}
    with pytest.raises(SystemExit, match=said):
        await appoint_first_admin(FirstAdminSettings.model_validate(settings.model_dump() | wanted))


async def test_the_command_appoints_from_the_environment(settings: ApiSettings, committing: Database) -> None:
    account = {"email": "boss@example.com", "password": "Correct4Horse"}
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "FIRST_ADMIN_EMAIL": account["email"],
        "FIRST_ADMIN_PASSWORD": account["password"],
    }
    command = [sys.executable, "-m", "auth", "first-admin"]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "The first admin can sign in.\n"), done.stderr
    assert account["password"] not in done.stdout + done.stderr
    async with client_of(create_app(settings)) as client:
        assert (await client.post(LOGIN, json=account)).status_code == 200
