from typing import Any

import httpx
import pytest
from auth.commands.accounts import delete_account, lock_account
from auth.commands.revocations import RevokeAccess
from auth.errors import LastAdmin
from auth.models import RefreshTokenFamily, User
from contracts.auth import UserDeleted, UserUpdated
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import OutboxJobs, api_client, outbox_events
from sqlalchemy import func, select

STRANGER = "01a21139-e5ce-7992-9037-23af3c55e46f"
USERS, AUDIT = "/api/v1/admin/users", "/api/v1/admin/audit"
LOGIN, REFRESH, ME = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/users/me"


def get_error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def list_actions(response: httpx.Response) -> list[tuple[str, str, str]]:
    return [(entry["action"], entry["actor_id"], entry["subject_id"]) for entry in response.json()["entries"]]


async def test_a_locked_account_can_neither_sign_in_nor_refresh(
    admin: httpx.AsyncClient, user: User, tokens: dict[str, Any]
) -> None:
    response = await admin.put(f"{USERS}/{user.id}/lock")
    assert (response.status_code, response.json()["locked_at"] is None) == (200, False)
    credentials = {"email": user.email, "password": "Correct4Horse"}
    assert get_error(await admin.post(LOGIN, json=credentials)) == (403, "account_locked")
    wrong = await admin.post(LOGIN, json={**credentials, "password": "Wrong4Horse"})
    assert get_error(wrong) == (401, "invalid_credentials")
    refreshed = await admin.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})
    assert get_error(refreshed) == (403, "account_locked")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert get_error(await admin.get(ME, headers=bearer)) == (401, "unauthorized")


async def test_an_unlocked_account_can_sign_in_again(
    admin: httpx.AsyncClient, user: User, tokens: dict[str, Any]
) -> None:
    await admin.put(f"{USERS}/{user.id}/lock")
    response = await admin.delete(f"{USERS}/{user.id}/lock")
    assert (response.status_code, response.json()["locked_at"]) == (200, None)
    credentials = {"email": user.email, "password": "Correct4Horse"}
    assert (await admin.post(LOGIN, json=credentials)).status_code == 200
    refreshed = await admin.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})
    assert get_error(refreshed) == (401, "invalid_refresh_token")


async def test_locking_a_locked_account_changes_nothing(
    admin: httpx.AsyncClient, admin_user: User, user: User, database: Database, outbox_jobs: OutboxJobs
) -> None:
    for _ in range(2):
        first = await admin.put(f"{USERS}/{user.id}/lock")
    assert (await admin.put(f"{USERS}/{user.id}/lock")).json() == first.json()
    for _ in range(2):
        await admin.delete(f"{USERS}/{user.id}/lock")
    assert list_actions(await admin.get(AUDIT)) == [
        ("account_unlocked", str(admin_user.id), str(user.id)),
        ("account_locked", str(admin_user.id), str(user.id)),
    ]
    async with database.transaction() as session:
        assert [event.data.user_id for event in await outbox_events(session, UserUpdated)] == [user.id] * 2
        (job,) = await outbox_jobs(session, RevokeAccess)
    assert [(revocation.subject, revocation.min_version) for revocation in job.revocations] == [(user.id, 1)]


async def test_an_admin_ends_all_sessions_of_an_account(
    admin: httpx.AsyncClient, admin_user: User, user: User, tokens: dict[str, Any], database: Database
) -> None:
    assert (await admin.delete(f"{USERS}/{user.id}/sessions")).status_code == 204
    refreshed = await admin.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})
    assert get_error(refreshed) == (401, "invalid_refresh_token")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert get_error(await admin.get(ME, headers=bearer)) == (401, "unauthorized")
    assert list_actions(await admin.get(AUDIT)) == [("sessions_revoked", str(admin_user.id), str(user.id))]
    async with database.transaction() as session:
        live = select(func.count()).where(RefreshTokenFamily.revoked_at.is_(None))
        assert await session.scalar(live) == 1, "the admin's own"


async def test_an_admin_deletes_an_account(
    admin: httpx.AsyncClient, admin_user: User, user: User, tokens: dict[str, Any], database: Database
) -> None:
    assert (await admin.delete(f"{USERS}/{user.id}")).status_code == 204
    assert get_error(await admin.delete(f"{USERS}/{user.id}")) == (404, "user_not_found")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await admin.get(ME, headers=bearer)).status_code == 401
    assert list_actions(await admin.get(AUDIT)) == [("account_deleted", str(admin_user.id), str(user.id))]
    async with database.transaction() as session:
        assert [event.data.user_id for event in await outbox_events(session, UserDeleted)] == [user.id]


async def test_admins_cannot_lock_or_delete_themselves(admin: httpx.AsyncClient, admin_user: User) -> None:
    assert get_error(await admin.put(f"{USERS}/{admin_user.id}/lock")) == (409, "own_account")
    assert get_error(await admin.delete(f"{USERS}/{admin_user.id}")) == (409, "own_account")


async def test_the_last_unlocked_admin_cannot_be_removed(
    admin: httpx.AsyncClient, admin_user: User, user: User, database: Database
) -> None:
    await admin.put(f"{USERS}/{user.id}/role", json={"role": "admin"})
    async with database.transaction() as session:
        await lock_account(session, user.id, actor=admin_user.id)
    # The other admin is locked, so it does not count.
    response = await admin.put(f"{USERS}/{admin_user.id}/role", json={"role": "learner"})
    assert get_error(response) == (409, "last_admin")
    assert get_error(await admin.delete(ME)) == (409, "last_admin")
    assert (await admin.put(f"{USERS}/{user.id}/role", json={"role": "learner"})).status_code == 200


async def test_the_last_admin_cannot_be_locked_or_deleted(
    admin_user: User, user: User, database: Database
) -> None:
    # The caller is no longer an admin, as after a concurrent role change.
    for command in (lock_account, delete_account):
        async with database.transaction() as session:
            with pytest.raises(LastAdmin):
                await command(session, admin_user.id, actor=user.id)


@pytest.mark.parametrize("role", ["learner", "editor"])
async def test_only_admins_manage_accounts(
    app: FastAPI, database: Database, user: User, open_account: Any, access_for: Any, role: str
) -> None:
    caller = await open_account(database, role=role)
    async with api_client(app, token=await access_for(database, caller)) as client:
        for response in (
            await client.put(f"{USERS}/{user.id}/lock"),
            await client.delete(f"{USERS}/{user.id}/lock"),
            await client.delete(f"{USERS}/{user.id}/sessions"),
            await client.delete(f"{USERS}/{user.id}"),
        ):
            assert get_error(response) == (403, "forbidden")


async def test_unknown_accounts_are_not_found(admin: httpx.AsyncClient) -> None:
    for response in (
        await admin.put(f"{USERS}/{STRANGER}/lock"),
        await admin.delete(f"{USERS}/{STRANGER}/lock"),
        await admin.delete(f"{USERS}/{STRANGER}/sessions"),
        await admin.delete(f"{USERS}/{STRANGER}"),
    ):
        assert get_error(response) == (404, "user_not_found")
    assert (await admin.put(f"{USERS}/x/lock")).status_code == 422
