"""Signing on to the panel and off, and its protection against other sites."""

import re

import pytest
from playwright.async_api import ViewportSize, expect

from deploy.local.stack import Stack
from tests.browser.accessibility import list_violations
from tests.browser.chromium import WIDTHS, Enter, Visitor
from tests.browser.panel import TAGS, Account, fill_sign_on, give_role, sign_on
from tests.journey import Learner

pytestmark = [pytest.mark.journey, pytest.mark.browser]

SIGN_ON = re.compile("/admin/login")


async def test_an_editor_signs_on_and_off(visitor: Visitor, editor: Account) -> None:
    page = visitor.page
    await page.goto(TAGS)
    await expect(page).to_have_url(SIGN_ON)
    visitor.expected_statuses.add(401)
    await fill_sign_on(visitor, editor.email, "not the password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("E-mail or user name")).to_have_value(editor.email)
    await expect(page.get_by_label("Password")).to_have_value("")
    await fill_sign_on(visitor, editor.email, editor.password)
    await expect(page).to_have_url(re.compile(f"{TAGS}$"))
    await expect(page.get_by_role("link", name="Speeches").first).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(SIGN_ON)
    await page.go_back()
    await expect(page.get_by_label("Password")).to_be_visible()
    assert await page.get_by_role("link", name="Speeches").count() == 0


async def test_scripts_and_other_sites_cannot_read_the_cookie(visitor: Visitor, editor: Account) -> None:
    await sign_on(visitor, editor)
    [cookie] = await visitor.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("parley_admin", True, "Strict")
    assert await visitor.page.evaluate("document.cookie") == ""
    assert await visitor.page.evaluate("localStorage.length + sessionStorage.length") == 0


async def test_after_a_session_ends_signing_on_returns_to_the_page(
    system: Stack, visitor: Visitor, editor: Account, admin: Learner
) -> None:
    await sign_on(visitor, editor)
    await give_role(admin, editor, "learner")
    await visitor.page.goto(f"{TAGS}?search=none")
    await expect(visitor.page.get_by_label("Password")).to_be_visible()
    await expect(visitor.page.get_by_text("session has ended")).to_be_visible()
    visitor.expected_statuses |= {401, 403}
    await fill_sign_on(visitor, editor.email, editor.password)
    await expect(visitor.page.get_by_role("alert")).to_be_visible()
    await give_role(admin, editor, "editor")
    await fill_sign_on(visitor, editor.email, editor.password)
    await expect(visitor.page).to_have_url(f"{system.url}{TAGS}?search=none")


FORGED = """
<form method="post" action="{url}/admin/content/tags/create">
  <input name="name" value="forged"><input name="category" value="forged"></form>
<script>document.forms[0].submit()</script>
"""


async def test_another_site_cannot_change_anything(
    system: Stack, visitor: Visitor, editor: Account, admin: Learner
) -> None:
    await sign_on(visitor, editor)
    page = visitor.page
    forged = FORGED.format(url=system.url)
    await visitor.context.route(
        "http://other.test/", lambda route: route.fulfill(content_type="text/html", body=forged)
    )
    # The browser keeps the cookie from it.
    await page.goto("http://other.test/")
    await expect(page).to_have_url(SIGN_ON)
    # A script of our own pages, without their csrf value.
    await page.goto(TAGS)
    visitor.expected_statuses.add(403)
    status = await page.evaluate(
        "fetch('/admin/content/tags/create', {method: 'POST', body: new URLSearchParams({name: 'forged'})})"
        ".then((response) => response.status)"
    )
    assert status == 403
    tags = (await admin.get("/admin/tags")).json()["tags"]
    assert "forged" not in {tag["name"] for tag in tags}


async def test_a_page_on_another_port_cannot_change_anything(
    system: Stack, visitor: Visitor, editor: Account, admin: Learner
) -> None:
    await sign_on(visitor, editor)
    page, neighbour = visitor.page, "http://127.0.0.1:1/"
    forged = FORGED.format(url=system.url)
    await visitor.context.route(neighbour, lambda route: route.fulfill(content_type="text/html", body=forged))
    visitor.expected_statuses.add(403)
    # For browsers, ports of one host are one site, so they send the cookie.
    await page.goto(neighbour)
    await expect(page.get_by_text("This was not sent from the panel's own page.")).to_be_visible()
    tags = (await admin.get("/admin/tags")).json()["tags"]
    assert "forged" not in {tag["name"] for tag in tags}


@pytest.mark.parametrize("viewport", WIDTHS.values(), ids=WIDTHS.keys())
async def test_the_sign_on_is_accessible(enter: Enter, viewport: ViewportSize) -> None:
    visitor = await enter(viewport)
    await visitor.page.goto("/admin/login")
    assert await list_violations(visitor.page) == []
    visitor.expected_statuses.add(401)
    await fill_sign_on(visitor, "nobody@example.com", "wrong")
    await expect(visitor.page.get_by_role("alert")).to_be_visible()
    assert await list_violations(visitor.page) == []
    assert await visitor.measure_overflow() <= 0
