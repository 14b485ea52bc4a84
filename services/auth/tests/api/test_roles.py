from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from auth.commands.roles import change_role
from auth.models import User
from contracts.auth import UserUpdated
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import api_client, outbox_events

NOBODY = "01a21139-e5ce-7992-9037-23af3c55e46f"
USERS, AUDIT, LOGIN = "/api/v1/admin/users", "/api/v1/admin/audit", "/api/v1/auth/login"


async def test_a_role_change_is_published_and_audited(
    admin: httpx.AsyncClient, admin_user: User, user: User, database: Database
) -> None:
    before = datetime.now(UTC)
    for _ in range(2):
        response = await admin.put(f"{USERS}/{user.id}/role", json={"role": "editor"})
        assert (response.status_code, response.json()["role"]) == (200, "editor")
    (entry,) = (await admin.get(AUDIT)).json()["entries"]
    assert (entry["action"], entry["actor_id"], entry["subject_id"]) == (
        "role_changed",
        str(admin_user.id),
        str(user.id),
    )
    assert (entry["before"], entry["after"]) == ({"role": "learner"}, {"role": "editor"})
    assert abs(datetime.fromisoformat(entry["at"]) - before).total_seconds() < 60
    async with database.transaction() as session:
        assert [event.data.user_id for event in await outbox_events(session, UserUpdated)] == [user.id]
    tokens = await admin.post(LOGIN, json={"email": user.email, "password": "Correct4Horse"})
    claims = jwt.decode(tokens.json()["access_token"], options={"verify_signature": False})
    assert claims["role"] == "editor"


@pytest.mark.parametrize("role", ["learner", "editor"])
async def test_only_admins_list_accounts_and_change_roles(
    app: FastAPI, database: Database, open_account: Any, access_for: Any, role: str
) -> None:
    user = await open_account(database, role=role)
    async with api_client(app, token=await access_for(database, user)) as client:
        for response in (
            await client.get(USERS),
            await client.get(AUDIT),
            await client.put(f"{USERS}/{user.id}/role", json={"role": "admin"}),
        ):
            assert (response.status_code, response.json()["code"]) == (403, "forbidden")


async def test_an_admin_route_checks_the_role_in_the_database(
    admin: httpx.AsyncClient, admin_user: User, user: User, database: Database, access_for: Any
) -> None:
    # A token whose revocation has not reached this process yet.
    admin.headers["Authorization"] = f"Bearer {await access_for(database, admin_user, ver=1)}"
    await admin.put(f"{USERS}/{user.id}/role", json={"role": "admin"})
    async with database.transaction() as session:
        await change_role(session, admin_user.id, "learner", actor=user.id)
    response = await admin.put(f"{USERS}/{admin_user.id}/role", json={"role": "admin"})
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


async def test_the_last_admin_cannot_be_demoted(admin: httpx.AsyncClient, admin_user: User) -> None:
    response = await admin.put(f"{USERS}/{admin_user.id}/role", json={"role": "learner"})
    assert (response.status_code, response.json()["code"]) == (409, "last_admin")


async def test_the_last_admin_cannot_delete_their_account(admin: httpx.AsyncClient, user: User) -> None:
    response = await admin.delete("/api/v1/users/me")
    assert (response.status_code, response.json()["code"]) == (409, "last_admin")
    await admin.put(f"{USERS}/{user.id}/role", json={"role": "admin"})
    assert (await admin.delete("/api/v1/users/me")).status_code == 204


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
async def test_an_invalid_role_change_is_refused(
    admin: httpx.AsyncClient, user_id: str, body: dict[str, Any], status: int
) -> None:
    assert (await admin.put(f"{USERS}/{user_id}/role", json=body)).status_code == status
