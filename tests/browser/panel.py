"""The admin panel for tests: accounts, signing on, and the pages of the navigation."""

import re
from dataclasses import dataclass
from uuid import uuid4

import httpx
from playwright.async_api import Locator, Page, expect

from tests.browser.chromium import Visitor
from tests.journey import Learner

PASSWORD = "Correct4Horse"
SPEECHES, TAGS = "/admin/content/speeches", "/admin/content/tags"
# An id without a row. The same in every process, because it is part of the names of tests.
ABSENT = "01a218d8-0000-7000-8000-000000000000"
MAX_TABS = 60
OUTLINE = "(element) => parseFloat(getComputedStyle(element).outlineWidth)"


@dataclass(frozen=True)
class Account:
    email: str
    password: str
    id: str


ADMIN = Account("admin@example.com", "AdminPass123", id="")


async def create_editor(admin: Learner) -> Account:
    """Sign up an account, and give it the role."""
    email = f"{uuid4().hex}@example.com"
    fields = {"email": email, "password": PASSWORD, "name": "Eve"}
    signed_up = await admin.client.post("/api/v1/auth/register", json=fields)
    account = Account(email, PASSWORD, signed_up.json()["user"]["id"])
    await give_role(admin, account, "editor")
    return account


async def give_role(admin: Learner, account: Account, role: str) -> httpx.Response:
    path = f"/api/v1/admin/users/{account.id}/role"
    response = await admin.client.put(path, json={"role": role}, headers=admin.headers)
    assert response.status_code == 200, response.text
    return response


async def fill_sign_on(visitor: Visitor, email: str, password: str) -> None:
    await visitor.page.get_by_label("E-mail or user name").fill(email)
    await visitor.page.get_by_label("Password").fill(password)
    await visitor.page.get_by_role("button", name="Sign in").click()


async def sign_on(visitor: Visitor, account: Account, path: str = TAGS) -> None:
    """Open a page of the panel, sign on, and wait for the page."""
    await visitor.page.goto(path)
    await fill_sign_on(visitor, account.email, account.password)
    await expect(visitor.page.get_by_role("navigation").first).to_be_visible()
    # From now on its scripts handle events.
    await visitor.page.wait_for_load_state()


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the element has the focus, and check that the focus is visible."""
    for _ in range(MAX_TABS):
        await page.keyboard.press("Tab")
        if await target.evaluate("(element) => element === document.activeElement"):
            assert await target.evaluate(OUTLINE) > 0
            return
    raise AssertionError(f"the keyboard does not reach {target}")


async def choose(page: Page, label: str | re.Pattern[str], text: str) -> None:
    """Search in a look-up field by typing, and select the first result."""
    # Until the script replaces it, the hidden select element has the same role and name.
    await page.get_by_role("combobox", name=label).and_(page.locator("input")).fill(text)
    await page.locator("[role=option]").first.click()


async def confirm(page: Page) -> None:
    await page.get_by_role("dialog").get_by_role("button", name="Continue").click()
