"""The operator's account, configured in the environment."""

from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from auth.app import create_app
from auth.commands.revocations import RevokeAccess
from auth.domain.operators import OPERATOR_ID
from auth.models import User
from auth.settings import ApiSettings
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from shared.data.db import Database
from shared.testing import OutboxJobs, api_client
from sqlalchemy import select
from structlog.testing import capture_logs

LOGIN, TOKEN, COOKIE = "/admin/login", "/admin/token", "__Host-parley_admin"
GATE = "/internal/panel-session/admin/content/speeches"
OWN = {"Origin": "http://test", "Accept": "text/html"}
# Hashes of Operator4Horse, with low costs for tests.
BCRYPT = "$2b$04$1.ZGm6/axHGu/5MxYcB3fOLXb/KnTe9lYhBARHRSlUmyK.F/xjJwi"
OTHER_BCRYPT = "$2b$04$5DTlFqbriXtUWDb8DyswJ.9cNvNgTtNO4LztTqD9t9gsNtwCefn.y"
ARGON2 = "$argon2id$v=19$m=64,t=1,p=1$9NbHKLCNozq7bG+31S3j6A$PquHidROtUOEZQe0ab7z2b0zOjMzEfVRIs8C8PyjM/A"

type CreateApp = Callable[..., FastAPI]


@pytest.fixture
def with_operator(settings: ApiSettings, database: Database) -> CreateApp:
    """Creates the service with an operator: `with_operator("root", BCRYPT)`."""

    def create(username: str = "root", password_hash: str = BCRYPT) -> FastAPI:
        variables = {"admin_username": username, "admin_password_hash": SecretStr(password_hash)}
        app = create_app(settings.model_copy(update=variables))
        app.state.database = database
        return app

    return create


async def sign_on(browser: httpx.AsyncClient, name: str, password: str) -> int:
    response = await browser.post(LOGIN, data={"email": name, "password": password}, headers=OWN)
    if cookie := response.cookies.get(COOKIE):
        browser.headers["Cookie"] = f"{COOKIE}={cookie}"
    return response.status_code


async def request_api_token(browser: httpx.AsyncClient) -> dict[str, str]:
    admitted = await browser.get(GATE, headers=OWN)
    page_token = admitted.headers["authorization"].removeprefix("Bearer ")
    csrf = jwt.decode(page_token, options={"verify_signature": False})["csrf"]
    response = await browser.post(TOKEN, headers={**OWN, "X-CSRF-Token": csrf})
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


@pytest.mark.parametrize("password_hash", [BCRYPT, "$2y$" + BCRYPT[4:], ARGON2])
async def test_the_operator_signs_on_and_acts_as_an_admin(
    with_operator: CreateApp, user: User, password_hash: str
) -> None:
    async with api_client(with_operator("Root", password_hash)) as browser:
        assert await sign_on(browser, "root", "Wrong4Horse") == 401
        assert await sign_on(browser, "root", "Operator4Horse") == 303
        bearer = await request_api_token(browser)
        role = {"role": "editor"}
        changed = await browser.put(f"/api/v1/admin/users/{user.id}/role", json=role, headers=bearer)
        assert changed.status_code == 200
        (entry,) = (await browser.get("/api/v1/admin/audit", headers=bearer)).json()["entries"]
        assert entry["actor_id"] == str(OPERATOR_ID)


async def test_the_operators_account_cannot_be_changed(
    with_operator: CreateApp, admin_user: User, admin: httpx.AsyncClient
) -> None:
    async with api_client(with_operator()) as browser:
        await sign_on(browser, "root", "Operator4Horse")
        bearer = await request_api_token(browser)
        for response in (
            await browser.delete("/api/v1/users/me", headers=bearer),
            await browser.put("/api/v1/users/me", json={"name": "x"}, headers=bearer),
            await admin.put(f"/api/v1/admin/users/{OPERATOR_ID}/role", json={"role": "learner"}),
            await admin.put(f"/api/v1/admin/users/{OPERATOR_ID}/lock"),
            await admin.delete(f"/api/v1/admin/users/{OPERATOR_ID}"),
        ):
            assert (response.status_code, response.json()["code"]) == (409, "operator_account")
        # The operator does not count as another admin, because the next deployment may remove it.
        last = await admin.put(f"/api/v1/admin/users/{admin_user.id}/role", json={"role": "learner"})
        assert last.json()["code"] == "last_admin"


async def test_the_operator_signs_on_to_the_panel_only(with_operator: CreateApp) -> None:
    async with api_client(with_operator("root@example.com")) as client:
        assert await sign_on(client, "root@example.com", "Operator4Horse") == 303
        credentials = {"email": "root@example.com", "password": "Operator4Horse"}
        response = await client.post("/api/v1/auth/login", json=credentials)
        assert response.status_code == 401


async def test_the_operators_name_takes_precedence_over_an_accounts_address(
    with_operator: CreateApp, admin_user: User
) -> None:
    with capture_logs() as logs:
        async with api_client(with_operator(str(admin_user.email).upper())) as browser:
            assert await sign_on(browser, str(admin_user.email), "Correct4Horse") == 401
            assert await sign_on(browser, str(admin_user.email), "Operator4Horse") == 303
    assert [entry["user_id"] for entry in logs if entry["event"] == "operator_name_is_taken"] == [
        str(admin_user.id)
    ]


@pytest.mark.parametrize("later", [("root", OTHER_BCRYPT), ("other", BCRYPT), ("", "")])
async def test_the_operators_sessions_end_when_name_or_hash_change(
    with_operator: CreateApp, database: Database, outbox_jobs: OutboxJobs, later: tuple[str, str]
) -> None:
    async with api_client(with_operator()) as before:
        await sign_on(before, "root", "Operator4Horse")
        cookie, bearer = before.headers["Cookie"], await request_api_token(before)
    after = with_operator(*later)
    async with api_client(after) as browser:
        assert (await browser.get(GATE, headers={**OWN, "Cookie": cookie})).status_code == 303
        assert (await browser.get("/api/v1/admin/users", headers=bearer)).status_code == 401
    async with database.transaction() as session:
        assert await outbox_jobs(session, RevokeAccess)
        exists = await session.scalar(select(User.id).where(User.id == OPERATOR_ID))
    assert (exists is None) == (later == ("", ""))


async def test_a_replica_with_another_operator_refuses_the_session(
    with_operator: CreateApp, database: Database
) -> None:
    other = with_operator("other", BCRYPT)
    async with api_client(other) as replica, api_client(with_operator()) as browser:
        await sign_on(browser, "root", "Operator4Horse")
        headers = {**OWN, "Cookie": browser.headers["Cookie"]}
        assert (await browser.get(GATE, headers=headers)).status_code == 200
        assert (await replica.get(GATE, headers=headers)).status_code == 303


@pytest.mark.parametrize(
    ("username", "password_hash", "problem"),
    [
        ("root", "", "set both ADMIN_USERNAME and ADMIN_PASSWORD_HASH, or neither"),
        ("", BCRYPT, "set both ADMIN_USERNAME and ADMIN_PASSWORD_HASH, or neither"),
        ("root", "Operator4Horse", "ADMIN_PASSWORD_HASH is not a complete bcrypt or argon2id hash"),
        ("root", BCRYPT[:-1], "ADMIN_PASSWORD_HASH is not a complete"),
        ("root", BCRYPT.replace("$2b$04", ""), "ADMIN_PASSWORD_HASH is not a complete"),
        ("root", BCRYPT.replace("$04$", "$31$"), "ADMIN_PASSWORD_HASH must have a cost of 4 to 14"),
        ("root", ARGON2.replace("m=64", "m=9999999"), "ADMIN_PASSWORD_HASH is too expensive"),
        ("root", ARGON2.replace("argon2id", "argon2i"), "ADMIN_PASSWORD_HASH is not a complete"),
        (" root", BCRYPT, "ADMIN_USERNAME must have at most 100 characters"),
        ("r" * 101, BCRYPT, "ADMIN_USERNAME must have at most 100 characters"),
    ],
)
def test_invalid_operator_settings_are_refused_at_startup(
    settings: ApiSettings, username: str, password_hash: str, problem: str
) -> None:
    values: dict[str, Any] = {name: getattr(settings, name) for name in ApiSettings.model_fields}
    values |= {"admin_username": username, "admin_password_hash": SecretStr(password_hash)}
    with pytest.raises(ValidationError) as excinfo:
        ApiSettings(**values)
    (error,) = excinfo.value.errors()
    assert problem in error["msg"]
    assert "Horse" not in error["msg"]
