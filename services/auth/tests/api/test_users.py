import asyncio
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from auth.app import create_app
from auth.models import AuditEntry, Base, User
from auth.settings import ApiSettings
from contracts.auth import UserDeleted, UserRegistered, UserUpdated
from shared.data.db import Database
from shared.testing import TokenFor, api_client, outbox_events
from sqlalchemy import func, select, text
from tests.mailbox import Mailbox

REGISTER, LOGIN = "/api/v1/auth/register", "/api/v1/auth/login"
REFRESH, ME = "/api/v1/auth/refresh", "/api/v1/users/me"
ADA = {"email": "Ada@Example.com", "password": "Correct4Horse", "name": "Ada"}


def ensure_problem(response: httpx.Response, *, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    return problem


def to_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_registration_signs_in(client: httpx.AsyncClient, database: Database) -> None:
    forged = await client.post(REGISTER, json={**ADA, "role": "admin", "email_verified": True})
    ensure_problem(forged, status=422, code="unknown_field")
    response = await client.post(REGISTER, json=ADA)
    assert (response.status_code, response.headers["cache-control"]) == (201, "no-store")
    body = response.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["user"] == {
        "id": body["user"]["id"],
        "email": "Ada@example.com",
        "name": "Ada",
        "avatar_url": None,
        "auth_provider": "email",
        "email_verified": False,
        "created_at": body["user"]["created_at"],
        "updated_at": body["user"]["created_at"],
    }
    assert body["user"]["created_at"].endswith("Z")
    assert (await client.get(ME, headers=to_headers(body["access_token"]))).json() == body["user"]
    assert jwt.decode(body["access_token"], options={"verify_signature": False})["role"] == "learner"
    again = await client.post(LOGIN, json={"email": "ADA@EXAMPLE.COM ", "password": ADA["password"]})
    assert again.json()["user"] == body["user"]
    async with database.transaction() as session:
        assert len(await outbox_events(session, UserRegistered)) == 1


async def test_registering_a_taken_address_is_a_conflict(client: httpx.AsyncClient, user: User) -> None:
    response = await client.post(REGISTER, json={**ADA, "email": str(user.email).upper()})
    ensure_problem(response, status=409, code="email_taken")


async def test_a_weak_password_is_rejected_with_a_reason(client: httpx.AsyncClient) -> None:
    for weak in ("", "short", "alllowercase1", "Password123", "Aa1" + "x" * 126):
        response = await client.post(REGISTER, json={**ADA, "password": weak})
        problem = ensure_problem(response, status=422, code="weak_password")
        assert {error["pointer"] for error in problem["errors"]} == {"#/password"}


async def test_omitted_fields_of_a_profile_stay_unchanged(
    user_client: httpx.AsyncClient, database: Database
) -> None:
    before = (await user_client.get(ME)).json()
    picture = "https://example.com/me.png"
    changed = (await user_client.put(ME, json={"avatar_url": picture})).json()
    assert changed == before | {"avatar_url": picture, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > before["updated_at"]
    ensure_problem(
        await user_client.put(ME, json={"email": "x@example.com"}), status=422, code="unknown_field"
    )
    renamed = (await user_client.put(ME, json={"name": "  Grace  "})).json()
    assert (renamed["name"], renamed["avatar_url"], renamed["email"]) == ("Grace", picture, before["email"])
    removed = (await user_client.put(ME, json={"avatar_url": None})).json()
    assert removed["avatar_url"] is None
    assert (await user_client.get(ME)).json() == removed
    async with database.transaction() as session:
        assert len(await outbox_events(session, UserUpdated)) == 3


async def test_a_profile_needs_a_valid_access_token(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    for headers in ({}, to_headers(token_for(uuid4())), to_headers("x")):
        ensure_problem(await client.get(ME, headers=headers), status=401, code="unauthorized")
        ensure_problem(
            await client.put(ME, json={"name": "Eve"}, headers=headers), status=401, code="unauthorized"
        )


async def test_only_one_of_concurrent_registrations_returns_201(
    settings: ApiSettings, committed_database: Database
) -> None:
    async with api_client(create_app(settings)) as client:
        responses = await asyncio.gather(*(client.post(REGISTER, json=ADA) for _ in range(3)))
    assert sorted(response.status_code for response in responses) == [201, 409, 409]


OLD, NEW = "Correct4Horse", "Brandnew4Password"


async def log_in(client: httpx.AsyncClient, user: User, password: str = OLD) -> httpx.Response:
    return await client.post(LOGIN, json={"email": user.email, "password": password})


async def test_a_new_password_ends_all_other_sessions(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox, database: Database
) -> None:
    async with database.transaction() as session:
        (await session.get_one(User, user.id)).email_verified = True
    this_session, other_session = [(await log_in(client, user)).json() for _ in range(2)]
    change = {"current_password": "Correct4Horse", "new_password": NEW}
    response = await client.put(
        f"{ME}/password", json=change, headers=to_headers(this_session["access_token"])
    )
    assert (response.status_code, response.content) == (204, b"")
    assert (await client.get(ME, headers=to_headers(this_session["access_token"]))).status_code == 200
    assert (await client.get(ME, headers=to_headers(other_session["access_token"]))).status_code == 401
    for tokens, status in ((this_session, 200), (other_session, 401)):
        presented = {"refresh_token": tokens["refresh_token"]}
        assert (await client.post(REFRESH, json=presented)).status_code == status
    assert (await log_in(client, user)).status_code == 401
    assert (await log_in(client, user, NEW)).status_code == 200
    assert [email["Subject"] for email in await mailbox.list_emails()] == ["Your password was changed"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"current_password": "Wrong4Horse", "new_password": NEW}, 403, "wrong_password"),
        ({"current_password": "Correct4Horse", "new_password": "weak"}, 422, "weak_password"),
        ({"current_password": "", "new_password": NEW}, 422, "validation_failed"),
    ],
)
async def test_a_new_password_needs_the_current_one_and_must_be_strong(
    user_client: httpx.AsyncClient, user: User, change: dict[str, str], status: int, code: str
) -> None:
    response = await user_client.put(f"{ME}/password", json=change)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "www-authenticate" not in response.headers, "clients answer a challenge by signing out"
    if code == "weak_password":
        assert {error["pointer"] for error in response.json()["errors"]} == {"#/new_password"}
    assert (await log_in(user_client, user)).status_code == 200


async def test_only_one_of_concurrent_password_changes_succeeds(
    settings: ApiSettings, committed_database: Database, open_account: Any
) -> None:
    user = await open_account(committed_database)
    async with api_client(create_app(settings)) as client:
        tokens = (await log_in(client, user)).json()
        changes = [
            client.put(
                f"{ME}/password",
                json={"current_password": "Correct4Horse", "new_password": f"{NEW}{number}"},
                headers=to_headers(tokens["access_token"]),
            )
            for number in range(2)
        ]
        statuses = [response.status_code for response in await asyncio.gather(*changes)]
    assert sorted(statuses) == [204, 403]


async def test_deleting_an_account_ends_its_sessions_and_erases_its_data(
    client: httpx.AsyncClient, user: User, database: Database
) -> None:
    this_session, other_session = [(await log_in(client, user)).json() for _ in range(2)]
    await client.post("/api/v1/auth/password/forgot", json={"email": user.email})
    response = await client.delete(ME, headers=to_headers(this_session["access_token"]))
    assert (response.status_code, response.content) == (204, b"")
    for tokens in (this_session, other_session):
        assert (await client.get(ME, headers=to_headers(tokens["access_token"]))).status_code == 401
        presented = {"refresh_token": tokens["refresh_token"]}
        assert (await client.post(REFRESH, json=presented)).status_code == 401
    assert (await log_in(client, user)).status_code == 401
    async with database.transaction() as session:
        (event,) = await outbox_events(session, UserDeleted)
        assert (event.subject, event.data.user_id) == (str(user.id), user.id)
        (entry,) = (await session.scalars(select(AuditEntry))).all()
        assert (entry.action, entry.subject_id, entry.actor_id) == ("account_deleted", user.id, user.id)
        for table in Base.metadata.sorted_tables:
            rows = (await session.execute(text(f'SELECT t::text FROM "{table.name}" t'))).scalars().all()  # noqa: S608 - our own names
            assert not [row for row in rows if user.email in row or user.name in row], table.name
    again = {"email": user.email, "password": NEW, "name": "Ada"}
    assert (await client.post("/api/v1/auth/register", json=again)).status_code == 201


async def test_concurrent_deletions_delete_an_account_once(
    settings: ApiSettings, committed_database: Database, open_account: Any, access_for: Any
) -> None:
    user = await open_account(committed_database)
    token = await access_for(committed_database, user)
    async with api_client(create_app(settings), token=token) as client:
        responses = await asyncio.gather(*(client.delete(ME) for _ in range(4)))
    assert sorted(response.status_code for response in responses) == [204, 401, 401, 401]
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, UserDeleted)) == 1
        assert await session.scalar(select(func.count()).select_from(AuditEntry)) == 1


USERS = "/api/v1/admin/users"


async def test_accounts_are_listed_page_by_page(
    admin: httpx.AsyncClient, admin_user: User, database: Database, open_account: Any
) -> None:
    opened = [await open_account(database, email=f"learner{number}@example.com") for number in range(5)]
    params: dict[str, Any] = {"email": "LEARNER", "limit": 2}
    listed_ids: list[str] = []
    while True:
        page = (await admin.get(USERS, params=params)).json()
        listed_ids += [user["id"] for user in page["users"]]
        assert (page["pagination"]["total"], page["pagination"]["total_pages"]) == (5, 3)
        assert page["pagination"]["page"] == -(-len(listed_ids) // 2)
        if page["pagination"]["next_cursor"] is None:
            break
        params["cursor"] = page["pagination"]["next_cursor"]
    assert listed_ids == [str(user.id) for user in reversed(opened)]
    second = (await admin.get(USERS, params={"email": "learner", "limit": 2, "page": 2})).json()
    assert [user["id"] for user in second["users"]] == listed_ids[2:4]
    admins = (await admin.get(USERS, params={"role": "admin"})).json()["users"]
    assert [user["id"] for user in admins] == [str(admin_user.id)]
    assert (await admin.get(USERS, params={"email": "%"})).json()["users"] == []
    foreign = {"cursor": second["pagination"]["next_cursor"], "role": "admin"}
    too_far = {"page": 201}
    bad_limits: list[dict[str, Any]] = [{"limit": 201}, {"limit": 0}, {"page": 0}]
    for bad in (*bad_limits, foreign, too_far, {"cursor": "x"}, {"role": "owner"}, {"email": "a\x00"}):
        assert (await admin.get(USERS, params=bad)).status_code == 422
