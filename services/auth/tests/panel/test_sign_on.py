from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from auth.app import create_app
from auth.commands.accounts import lock_account
from auth.commands.roles import change_role
from auth.commands.sign_ins import revoke_user_families
from auth.models import PanelSession, RefreshToken, RefreshTokenFamily, User
from auth.settings import ApiSettings
from fastapi import FastAPI
from pwdlib.hashers.bcrypt import BcryptHasher
from shared.data.db import Database
from shared.security.current_user import Role
from shared.testing import api_client
from sqlalchemy import func, select, update

LOGIN, LOGOUT, TOKEN = "/admin/login", "/admin/logout", "/admin/token"
GATE = "/internal/panel-session"
PAGE = "/admin/content/speech/list?level=A1"
COOKIE = "__Host-parley_admin"
OWN = {"Origin": "http://test", "Accept": "text/html"}


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with open_browser(app) as client:
        yield client


def open_browser(app: FastAPI) -> Any:
    return api_client(app)


async def sign_on(browser: httpx.AsyncClient, user: User, **overrides: str) -> httpx.Response:
    form = {"email": user.email or "", "password": "Correct4Horse", **overrides}
    response = await browser.post(LOGIN, data=form, headers=OWN)
    # httpx does not send secure cookies over HTTP.
    if cookie := response.cookies.get(COOKIE):
        browser.headers["Cookie"] = f"{COOKIE}={cookie}"
    return response


async def ask_gate(browser: httpx.AsyncClient, path: str = PAGE, method: str = "GET") -> httpx.Response:
    return await browser.request(method, GATE + path, headers=OWN)


def read_claims(response: httpx.Response) -> dict[str, Any]:
    token = response.headers["authorization"].removeprefix("Bearer ")
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.mark.parametrize("role", ["editor", "admin"])
async def test_an_editor_or_admin_signs_on(
    browser: httpx.AsyncClient, database: Database, open_account: Any, role: Role
) -> None:
    user = await open_account(database, role=role)
    response = await sign_on(browser, user, next=PAGE)
    assert (response.status_code, response.headers["location"]) == (303, PAGE)
    admitted = await ask_gate(browser)
    assert admitted.status_code == 200
    claims = read_claims(admitted)
    assert (claims["sub"], claims["role"]) == (str(user.id), role)
    assert len(claims["csrf"]) == 43
    assert claims["exp"] - claims["iat"] == 60
    async with database.transaction() as session:
        family = await session.get_one(RefreshTokenFamily, claims["sid"])
        assert family.expires_at - family.created_at == timedelta(hours=8)
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 0


async def test_a_sign_on_upgrades_a_bcrypt_hash(
    browser: httpx.AsyncClient, database: Database, open_account: Any
) -> None:
    hashed = BcryptHasher(rounds=4).hash("Correct4Horse")
    user = await open_account(database, role="editor", password_hash=hashed)
    assert (await sign_on(browser, user)).status_code == 303
    async with database.transaction() as session:
        stored_hash = await session.scalar(select(User.password_hash).where(User.id == user.id))
    assert str(stored_hash).startswith("$argon2id$")


async def test_the_cookie_is_hidden_from_scripts_and_other_sites(
    browser: httpx.AsyncClient, admin_user: User
) -> None:
    (cookie,) = (await sign_on(browser, admin_user)).headers.get_list("set-cookie")
    value, *flags = cookie.split("; ")
    assert value.startswith("__Host-parley_admin=")
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=strict", "Secure"]


async def test_the_cookie_works_over_http_in_development(
    settings: ApiSettings, database: Database, admin_user: User
) -> None:
    app = create_app(settings.model_copy(update={"environment": "development"}))
    app.state.database = database
    async with open_browser(app) as browser:
        (cookie,) = (await sign_on(browser, admin_user)).headers.get_list("set-cookie")
        assert cookie.startswith("parley_admin=")
        assert "Secure" not in cookie
        assert (await ask_gate(browser)).status_code == 200


async def test_a_learner_is_refused_with_a_reason(browser: httpx.AsyncClient, user: User) -> None:
    response = await sign_on(browser, user)
    assert (response.status_code, "editors and admins" in response.text) == (403, True)
    assert "set-cookie" not in response.headers
    wrong = await sign_on(browser, user, password="Wrong4Horse")
    assert (wrong.status_code, "editors and admins" in wrong.text) == (401, False)


@pytest.mark.parametrize(
    "overrides",
    [
        {"password": "Wrong4Horse"},
        {"email": "stranger@example.com"},
        {"email": "", "password": ""},
        {"email": "x" * 5_000},
        {"email": "nul\0@example.com"},
        {"password": "y" * 5_000},
        {"password": "tab\tulator"},
    ],
)
async def test_all_wrong_credentials_get_the_same_response(
    browser: httpx.AsyncClient, admin_user: User, overrides: dict[str, str]
) -> None:
    response = await sign_on(browser, admin_user, **overrides)
    assert response.status_code == 401
    assert "The e-mail address or the password is wrong." in response.text
    assert "Horse" not in response.text
    assert "set-cookie" not in response.headers


async def test_html_in_the_form_is_escaped(browser: httpx.AsyncClient) -> None:
    attack = '"><script>alert(1)</script>'
    form = {"email": attack, "password": "x", "next": attack}
    response = await browser.post(LOGIN, data=form, headers=OWN)
    assert "<script>alert" not in response.text
    assert "&lt;script&gt;" in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://test.evil.example"},
        {"Origin": "http://test", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_cannot_submit_the_sign_on(
    browser: httpx.AsyncClient, admin_user: User, headers: dict[str, str]
) -> None:
    form = {"email": admin_user.email, "password": "Correct4Horse"}
    response = await browser.post(LOGIN, data=form, headers=headers)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "content", ["email=a&email=b&password=c", "&".join(f"a{n}=1" for n in range(50)), b"\xff\xfe", ""]
)
async def test_a_malformed_form_returns_an_error_page(
    browser: httpx.AsyncClient, content: str | bytes
) -> None:
    response = await browser.post(LOGIN, content=content, headers=OWN)
    assert response.status_code in (400, 401)
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "destination",
    [
        "https://evil.example/admin",
        "//evil.example/admin",
        "/admin//evil.example",
        "/admin/../api/v1/users/me",
        "/admin/..",
        "/\\evil.example",
        "/admin\\evil.example",
        "/admin/content\n/x",
        "javascript:alert(1)",
        "/adminx",
        "/admin/login",
        "/admin/logout",
        "/admin/content/?" + "x" * 5_000,
        "",
    ],
)
async def test_the_sign_on_redirects_only_to_pages_of_the_panel(
    browser: httpx.AsyncClient, admin_user: User, destination: str
) -> None:
    response = await sign_on(browser, admin_user, next=destination)
    assert response.headers["location"] == "/admin"
    again = await browser.get(LOGIN, params={"next": destination})
    assert (again.status_code, again.headers["location"]) == (303, "/admin")


async def test_each_sign_on_sets_a_new_cookie_and_ends_the_previous_session(
    browser: httpx.AsyncClient, admin_user: User
) -> None:
    fixated_cookie = "A" * 43
    browser.headers["Cookie"] = f"{COOKIE}={fixated_cookie}"
    first = (await sign_on(browser, admin_user)).cookies[COOKIE]
    second = (await sign_on(browser, admin_user)).cookies[COOKIE]
    assert len({fixated_cookie, first, second}) == 3
    for cookie, status in ((fixated_cookie, 303), (first, 303), (second, 200)):
        browser.headers["Cookie"] = f"{COOKIE}={cookie}"
        assert (await ask_gate(browser)).status_code == status


async def test_signing_off_ends_the_session(browser: httpx.AsyncClient, admin_user: User) -> None:
    await sign_on(browser, admin_user)
    token = read_claims(await ask_gate(browser))["csrf"]
    response = await browser.post(LOGOUT, data={"csrf_token": token}, headers=OWN)
    assert (response.status_code, response.headers["location"]) == (303, LOGIN)
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert (await ask_gate(browser)).status_code == 303
    again = await browser.post(LOGOUT, data={"csrf_token": token}, headers=OWN)
    assert again.status_code == 303


@pytest.mark.parametrize("token", ["", "wrong", "é"])
async def test_signing_off_needs_the_csrf_token(
    browser: httpx.AsyncClient, admin_user: User, token: str
) -> None:
    await sign_on(browser, admin_user)
    assert (await browser.post(LOGOUT, data={"csrf_token": token}, headers=OWN)).status_code == 403
    assert (await ask_gate(browser)).status_code == 200


async def test_a_demoted_admin_loses_access_with_the_next_request(
    browser: httpx.AsyncClient, database: Database, admin_user: User, open_account: Any
) -> None:
    other = await open_account(database, role="admin")
    await sign_on(browser, admin_user)
    for role in ("editor", "learner"):
        async with database.transaction() as session:
            await change_role(session, admin_user.id, role, actor=other.id)
        response = await ask_gate(browser)
        if role == "editor":
            assert read_claims(response)["role"] == "editor"
        else:
            assert (response.status_code, response.headers["location"].partition("?")[0]) == (303, LOGIN)


async def test_a_revoked_session_has_no_access(
    browser: httpx.AsyncClient, database: Database, admin_user: User
) -> None:
    await sign_on(browser, admin_user)
    claims = read_claims(await ask_gate(browser))
    async with database.transaction() as session:
        await revoke_user_families(session, admin_user.id, now=datetime.now(UTC))
    assert (await ask_gate(browser)).status_code == 303
    # The commit also revokes its access tokens, in every service.
    assert claims["sid"] in str(session.info)


async def test_a_locked_account_loses_access_and_cannot_sign_on(
    browser: httpx.AsyncClient, database: Database, admin_user: User, open_account: Any
) -> None:
    await sign_on(browser, admin_user)
    other = await open_account(database, role="admin")
    async with database.transaction() as session:
        await lock_account(session, admin_user.id, actor=other.id)
    assert (await ask_gate(browser)).status_code == 303
    response = await sign_on(browser, admin_user)
    assert (response.status_code, "This account is locked." in response.text) == (403, True)


async def test_an_expired_session_leads_back_to_the_sign_on(
    browser: httpx.AsyncClient, database: Database, admin_user: User
) -> None:
    await sign_on(browser, admin_user)
    expiry = datetime.now(UTC) + timedelta(seconds=30)
    async with database.transaction() as session:
        await session.execute(update(RefreshTokenFamily).values(expires_at=expiry))
    claims = read_claims(await ask_gate(browser))
    assert claims["exp"] <= expiry.timestamp()
    async with database.transaction() as session:
        await session.execute(update(RefreshTokenFamily).values(expires_at=datetime.now(UTC)))
    response = await ask_gate(browser)
    assert response.headers["location"] == "/admin/login?next=%2Fadmin%2Fcontent%2Fspeech%2Flist%3Flevel%3DA1"
    page = await browser.get(response.headers["location"])
    assert "Your session has ended" in page.text
    assert 'value="/admin/content/speech/list?level=A1"' in page.text


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "é" * 43, "A" * 5_000, '"; DROP'])
async def test_a_forged_cookie_gives_no_access(
    browser: httpx.AsyncClient, admin_user: User, cookie: str
) -> None:
    headers = httpx.Headers({**OWN, "Cookie": f"{COOKIE}={cookie}"}, encoding="utf-8")
    assert (await browser.get(GATE + PAGE, headers=headers)).status_code == 303
    assert (await browser.post(TOKEN, headers=headers)).status_code == 401
    assert (await browser.get("/admin", headers=headers)).headers["location"] == LOGIN


async def test_the_cookie_is_stored_as_a_digest(
    browser: httpx.AsyncClient, database: Database, admin_user: User
) -> None:
    cookie = (await sign_on(browser, admin_user)).cookies[COOKIE]
    async with database.transaction() as session:
        (row,) = (await session.scalars(select(PanelSession))).all()
    assert cookie.encode() not in row.digest
    assert len(row.digest) == 32


async def test_a_form_sent_after_the_session_ended_returns_to_its_page(browser: httpx.AsyncClient) -> None:
    headers = {**OWN, "Referer": "http://test/admin/content/speech/edit/1"}
    response = await browser.post(f"{GATE}/admin/content/speech/action/archive", headers=headers)
    assert response.headers["location"] == "/admin/login?next=%2Fadmin%2Fcontent%2Fspeech%2Fedit%2F1"
    headers["Referer"] += "?search=a%20b&done=changed&count=2&page=3"
    response = await browser.post(f"{GATE}/admin/content/speech/action/archive", headers=headers)
    assert response.headers["location"].endswith("edit%2F1%3Fsearch%3Da%2520b%26page%3D3")
    headers["Referer"] = "https://evil.example/admin/content/speech/edit/1"
    response = await browser.post(f"{GATE}/admin/content/speech/action/archive", headers=headers)
    assert response.headers["location"] == LOGIN


async def test_a_script_gets_a_problem_instead_of_a_redirect(browser: httpx.AsyncClient) -> None:
    headers = {"Sec-Fetch-Mode": "cors", "Accept": "text/html"}
    response = await browser.get(GATE + PAGE, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_scripts_of_a_page_get_an_access_token(browser: httpx.AsyncClient, admin_user: User) -> None:
    await sign_on(browser, admin_user)
    csrf = read_claims(await ask_gate(browser))["csrf"]
    response = await browser.post(TOKEN, headers={**OWN, "X-CSRF-Token": csrf})
    assert (response.status_code, response.json()["expires_in"]) == (200, 900)
    assert response.headers["cache-control"] == "no-store"
    bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
    assert (await browser.get("/api/v1/admin/users", headers=bearer)).status_code == 200
    for headers in ({**OWN, "X-CSRF-Token": "wrong"}, OWN, {"X-CSRF-Token": csrf}):
        assert (await browser.post(TOKEN, headers=headers)).status_code == 403


async def test_the_root_of_the_panel_redirects_by_session(
    browser: httpx.AsyncClient, admin_user: User
) -> None:
    assert (await browser.get("/admin")).headers["location"] == LOGIN
    await sign_on(browser, admin_user)
    assert (await browser.get("/admin")).headers["location"].startswith("/admin/content")
