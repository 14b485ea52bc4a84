"""The admin panel as a visitor uses it: who signs on, and the pages that there are."""

from dataclasses import dataclass
from uuid import uuid4

import httpx
from playwright.async_api import expect

from tests.browser.chromium import Visitor
from tests.journey import Learner

PASSWORD = "Correct4Horse"
TAGS = "/admin/content/tags"


@dataclass(frozen=True)
class Account:
    email: str
    password: str
    id: str


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
    given = await admin.client.put(path, json={"role": role}, headers=admin.headers)
    assert given.status_code == 200, given.text
    return given


async def fill_sign_on(visitor: Visitor, email: str, password: str) -> None:
    await visitor.page.get_by_label("E-mail or user name").fill(email)
    await visitor.page.get_by_label("Password").fill(password)
    await visitor.page.get_by_role("button", name="Sign in").click()


async def sign_on(visitor: Visitor, account: Account, path: str = TAGS) -> None:
    """Open a page of the panel, sign on, and arrive there."""
    await visitor.page.goto(path)
    await fill_sign_on(visitor, account.email, account.password)
    await expect(visitor.page.get_by_role("navigation").first).to_be_visible()
