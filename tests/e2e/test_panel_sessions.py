"""A session of the admin panel, through the gateway: its cookie opens pages until auth ends the session."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from shared.panel.navigation import AUDIT_PAGES, NAVIGATION

from tests.journey import Learner

pytestmark = pytest.mark.journey

TAGS, LEARNERS = "/admin/content/tags", "/admin/auth/learners"
PASSWORD = "Correct4Horse"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def editor(gateway: httpx.AsyncClient, admin: Learner) -> dict[str, str]:
    """A new editor's account."""
    body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Ada"}
    user = (await gateway.post("/api/v1/auth/register", json=body)).json()["user"]
    address = f"/api/v1/admin/users/{user['id']}/role"
    await admin.client.put(address, json={"role": "editor"}, headers=admin.headers)
    return {"id": user["id"], "email": body["email"]}


@pytest.fixture
async def browser(gateway: httpx.AsyncClient, editor: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which the editor has signed on."""
    async with httpx.AsyncClient(base_url=gateway.base_url, timeout=20, headers=PAGE) as client:
        form = {"email": editor["email"], "password": PASSWORD, "next": TAGS}
        response = await client.post("/admin/login", data=form)
        assert (response.status_code, response.headers["location"]) == (303, TAGS)
        yield client


def is_sign_on(response: httpx.Response) -> bool:
    return response.status_code == 303 and response.headers["location"].startswith("/admin/login")


async def test_an_editor_sees_pages_but_not_those_of_admins(browser: httpx.AsyncClient) -> None:
    page = await browser.get(TAGS)
    assert page.status_code == 200, page.text
    assert "Learners" not in page.text
    assert (await browser.get(LEARNERS)).status_code == 403
    assert (await browser.get("/admin")).headers["location"] == "/admin/content/speeches"


async def test_every_link_in_an_admins_navigation_opens_a_page(gateway: httpx.AsyncClient) -> None:
    async with httpx.AsyncClient(base_url=gateway.base_url, timeout=20, headers=PAGE) as client:
        await client.post("/admin/login", data={"email": "admin@example.com", "password": "AdminPass123"})
        for address in [entry.address for entry in NAVIGATION] + list(AUDIT_PAGES.values()):
            assert (await client.get(address)).status_code == 200, address


async def test_without_a_session_every_page_redirects_to_the_sign_on(gateway: httpx.AsyncClient) -> None:
    for address in ("/admin", TAGS, LEARNERS, "/admin/importer/imports", "/admin/game/sessions"):
        assert is_sign_on(await gateway.get(address, headers=PAGE)), address
    forged = {**PAGE, "Cookie": f"parley_admin={'A' * 43}"}
    assert is_sign_on(await gateway.get(TAGS, headers=forged))


async def test_an_api_token_cannot_open_a_page(gateway: httpx.AsyncClient, admin: Learner) -> None:
    assert is_sign_on(await gateway.get(TAGS, headers={**PAGE, **admin.headers}))


async def test_a_demoted_editor_is_signed_out_at_the_next_request(
    browser: httpx.AsyncClient, editor: dict[str, str], admin: Learner
) -> None:
    assert (await browser.get(TAGS)).status_code == 200
    address = f"/api/v1/admin/users/{editor['id']}/role"
    await admin.client.put(address, json={"role": "learner"}, headers=admin.headers)
    assert is_sign_on(await browser.get(TAGS))


async def test_a_locked_editor_is_signed_out_and_cannot_sign_on(
    browser: httpx.AsyncClient, editor: dict[str, str], admin: Learner
) -> None:
    await admin.client.put(f"/api/v1/admin/users/{editor['id']}/lock", headers=admin.headers)
    assert is_sign_on(await browser.get(TAGS))
    form = {"email": editor["email"], "password": PASSWORD}
    response = await browser.post("/admin/login", data=form)
    assert (response.status_code, "This account is locked." in response.text) == (403, True)


async def test_signing_out_everywhere_ends_the_session(
    browser: httpx.AsyncClient, editor: dict[str, str], admin: Learner
) -> None:
    address = f"/api/v1/admin/users/{editor['id']}/sessions"
    assert (await admin.client.delete(address, headers=admin.headers)).status_code == 204
    assert is_sign_on(await browser.get(TAGS))


async def test_no_page_opens_after_signing_off(browser: httpx.AsyncClient) -> None:
    page = await browser.get(TAGS)
    match = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert match
    cookies = dict(browser.cookies)
    response = await browser.post("/admin/logout", data={"csrf_token": match[1]})
    assert is_sign_on(response)
    browser.cookies.update(cookies)
    assert is_sign_on(await browser.get(TAGS))
