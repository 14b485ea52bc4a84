"""Access to pages of the panel by role, and the accounts that an admin manages."""

import re
from uuid import uuid4

import pytest
from playwright.async_api import StorageState, expect

from tests.browser.chromium import Enter, Visitor
from tests.browser.panel import (
    ABSENT,
    PASSWORD,
    SPEECHES,
    Account,
    confirm,
    create_editor,
    fill_sign_on,
    give_role,
    sign_on,
)
from tests.journey import Learner, build_session

pytestmark = [pytest.mark.journey, pytest.mark.browser]

LEARNERS, SESSIONS = "/admin/auth/learners", "/admin/game/sessions"


async def test_the_start_page_leads_through_the_sign_on_to_the_speeches(
    visitor: Visitor, editor: Account
) -> None:
    await sign_on(visitor, editor, "/admin")
    await expect(visitor.page).to_have_url(re.compile(f"{SPEECHES}$"))
    for path in ("/admin", "/admin/content", "/admin/content/", "/admin/auth", "/admin/login"):
        await visitor.page.goto(path)
        await expect(visitor.page).to_have_url(re.compile(f"{SPEECHES}$"))


async def test_an_editor_cannot_open_the_pages_of_admins(
    visitor: Visitor, editor: Account, learner: Learner
) -> None:
    page, body = visitor.page, build_session(await learner.draw(limit=1))
    session_id = (await learner.post("/game/sessions", body)).json()["session_id"]
    await sign_on(visitor, editor, f"{SESSIONS}/{session_id}")
    assert await page.get_by_role("link", name="Delete").count() == 0
    assert await page.get_by_role("link", name="Learners").count() == 0
    visitor.expected_statuses.add(403)
    for path in (LEARNERS, f"{LEARNERS}/{ABSENT}", "/admin/content/audit", f"{SESSIONS}/{session_id}/delete"):
        await page.goto(path)
        await expect(page.get_by_role("heading", name="You are not allowed to do this")).to_be_visible()
        await expect(page.get_by_text("Ask an admin.")).to_be_visible()
    await page.get_by_role("link", name="Start page").click()
    await expect(page).to_have_url(re.compile(f"{SPEECHES}$"))


async def test_a_demoted_admin_loses_access_at_the_next_click(visitor: Visitor, admin: Learner) -> None:
    page, account = visitor.page, await create_editor(admin)
    await give_role(admin, account, "admin")
    await sign_on(visitor, account, LEARNERS)
    await give_role(admin, account, "editor")
    visitor.expected_statuses.add(403)
    await page.get_by_role("navigation", name="Pages").get_by_role("link", name="Learners").click()
    await expect(page.get_by_role("heading", name="You are not allowed to do this")).to_be_visible()
    await expect(page.get_by_text("Signed in as editor")).to_be_visible()
    assert await page.get_by_role("link", name=re.compile("Learners|Audit")).count() == 0
    await give_role(admin, account, "learner")
    await page.get_by_role("link", name="Start page").click()
    await expect(page).to_have_url(re.compile("/admin/login"))


async def test_an_account_is_found_promoted_locked_and_deleted(
    enter: Enter, admin_state: StorageState, admin: Learner
) -> None:
    window, other = await enter(state=admin_state), await enter()
    page, name = window.page, f"<script>{uuid4().hex}</script>"
    learner = await Learner.sign_up(admin.client, name=name)
    account = Account(learner.user["email"], PASSWORD, learner.user["id"])
    await page.goto(LEARNERS)
    await page.get_by_label("Search by the beginning").fill(name)
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_role("cell", name=name)).to_be_visible()
    await page.get_by_role("link", name=account.email).click()
    await page.get_by_role("link", name="Change the role").click()
    await page.get_by_label("Role").select_option("Editor")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The role was changed.")).to_be_visible()
    await sign_on(other, account)

    await page.get_by_role("button", name="Lock").click()
    await confirm(page)
    await expect(page.get_by_text("Locked: 1.")).to_be_visible()
    await other.page.reload()
    other.expected_statuses.add(403)
    await fill_sign_on(other, account.email, account.password)
    await expect(other.page.get_by_role("alert")).to_contain_text("This account is locked.")

    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("The account was deleted.")).to_be_visible()
    window.expected_statuses.add(404)
    await page.goto(f"{LEARNERS}/{account.id}")
    await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


async def test_an_admin_deletes_a_session_of_a_learner(window: Visitor, learner: Learner) -> None:
    page, body = window.page, build_session(await learner.draw(limit=2))
    session_id = (await learner.post("/game/sessions", body)).json()["session_id"]
    await page.goto(f"{SESSIONS}?user_id={learner.user['id']}")
    await page.get_by_role("row").get_by_role("link").nth(0).click()
    await expect(page.get_by_role("table").get_by_role("row")).to_have_count(3)
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("The session was deleted.")).to_be_visible()
    assert (await learner.get(f"/game/sessions/{session_id}")).status_code == 404
