"""Tags in the panel: by mouse and keyboard, with two editors, and with errors."""

import asyncio
import re
from uuid import uuid4

import pytest
from playwright.async_api import Dialog, StorageState, expect

from tests.browser.chromium import TIMEOUT_SECONDS, Enter, Visitor
from tests.browser.lessons import add_speech, add_tag
from tests.browser.panel import SPEECHES, TAGS, choose, confirm, tab_to
from tests.journey import Learner

pytestmark = [pytest.mark.journey, pytest.mark.browser]


async def list_names(admin: Learner, part: str) -> set[str]:
    tags = (await admin.get("/admin/tags")).json()["tags"]
    return {tag["name"] for tag in tags if part in tag["name"]}


async def test_a_tag_is_created_changed_and_deleted_by_mouse(window: Visitor, admin: Learner) -> None:
    page, name = window.page, uuid4().hex
    await page.goto(TAGS)
    await page.get_by_role("link", name="New tag").click()
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Category").fill("topic")
    await page.get_by_role("button", name="Save").dblclick()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert await list_names(admin, name) == {name}
    await page.get_by_role("link", name="Edit").click()
    await page.get_by_label("Name").fill(f"{name} changed")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The tag was saved.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("The tag was saved.")).to_have_count(0)
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete").dblclick()
    await expect(page.get_by_text("The tag was deleted.")).to_be_visible()
    assert await list_names(admin, name) == set()


async def test_a_tag_is_created_and_deleted_by_keyboard(window: Visitor, admin: Learner) -> None:
    page, name = window.page, uuid4().hex
    await page.goto(TAGS)
    await tab_to(page, page.get_by_role("link", name="Skip to the content"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="New tag"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_label("Name"))
    await page.keyboard.type(name)
    await tab_to(page, page.get_by_label("Category"))
    await page.keyboard.type("topic")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The tag was created.")).to_be_visible()
    await tab_to(page, page.get_by_role("link", name="Delete"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("button", name="Delete"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The tag was deleted.")).to_be_visible()
    assert await list_names(admin, name) == set()


async def test_a_tag_in_use_is_not_deleted_and_links_to_its_speeches(window: Visitor, admin: Learner) -> None:
    page, tag = window.page, await add_tag(admin)
    texts = [f"One {uuid4().hex}.", f"Two {uuid4().hex}."]
    speeches = [await add_speech(admin, text, tag) for text in texts]
    await admin.client.put(
        f"/api/v1/admin/speeches/{speeches[0]['id']}", json={"archived": True}, headers=admin.headers
    )
    await page.goto(f"{TAGS}/{tag['id']}")
    await page.get_by_role("link", name="Delete").click()
    await expect(page.get_by_text("2 speeches have this tag")).to_be_visible()
    assert await page.get_by_role("button", name="Delete").count() == 0
    await page.get_by_role("link", name="Show these speeches").click()
    await expect(page).to_have_url(re.compile(f"{SPEECHES}\\?tag={tag['id']}"))
    for text in texts:
        await expect(page.get_by_role("link", name=text)).to_be_visible()
    # The filter names the tag.
    await expect(page.get_by_role("button", name=f"Remove {tag['name']}")).to_be_visible()


async def test_a_tag_is_merged_into_another(window: Visitor, admin: Learner) -> None:
    page, part = window.page, uuid4().hex
    old, new = [await add_tag(admin, f"{name} {part}") for name in ("old", "new")]
    speech = await add_speech(admin, f"Merged {part}.", old)
    await page.goto(f"{TAGS}?search={part}")
    await page.get_by_role("checkbox", name=f"Choose {old['name']}").check()
    await expect(page.get_by_text("1 selected")).to_be_visible()
    await choose(page, "Tag to merge into", new["name"])
    await page.get_by_role("button", name="Merge into this tag").click()
    await confirm(page)
    await expect(page.get_by_text("Merged: 1.")).to_be_visible()
    assert await list_names(admin, part) == {new["name"]}
    await page.goto(f"{SPEECHES}/{speech['id']}")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not await page.locator("dd").filter(has_text=new["name"]).count():
            # A job adds the other tag to the speeches.
            await page.reload()


async def test_markup_in_names_is_escaped(window: Visitor, admin: Learner) -> None:
    page, part = window.page, uuid4().hex
    tag = await add_tag(admin, f"<script>{part}</script>", "<b>&amp;")
    await page.goto(f"{TAGS}?search={part}")
    await expect(page.get_by_role("link", name=tag["name"])).to_be_visible()
    await expect(page.get_by_role("cell", name=tag["category"])).to_be_visible()
    await page.goto(f"{SPEECHES}/create")
    await choose(page, "Tags", part)
    await expect(page.get_by_role("button", name=f"Remove {tag['name']}")).to_be_visible()
    assert await page.evaluate("[...document.scripts].filter((each) => !each.src).length") == 0


async def test_errors_are_shown_next_to_their_fields(window: Visitor, admin: Learner) -> None:
    page, tag = window.page, await add_tag(admin)
    window.expected_statuses |= {409, 422}
    await page.goto(f"{TAGS}/create")
    await page.get_by_role("button", name="Save").click()
    for label, text in (("Name", "Give the tag a name."), ("Category", "Give the tag a category.")):
        await expect(page.get_by_label(label)).to_have_accessible_description(re.compile(text))
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.get_by_label("Name").fill(tag["name"].upper())
    await page.get_by_label("Category").fill("topic")
    await page.get_by_role("button", name="Save").click()
    error_text = re.compile("A tag named .* already exists")
    await expect(page.get_by_label("Name")).to_have_accessible_description(error_text)
    await expect(page.get_by_label("Category")).to_have_value("topic")


async def test_two_editors_of_one_tag_lose_no_changes(
    enter: Enter, window: Visitor, admin_state: StorageState, admin: Learner
) -> None:
    tag, other = await add_tag(admin), await enter(state=admin_state)
    for visitor in (window, other):
        await visitor.page.goto(f"{TAGS}/{tag['id']}/edit")
    await window.page.get_by_label("Category").fill("theirs")
    await window.page.get_by_role("button", name="Save").click()
    await expect(window.page.get_by_text("The tag was saved.")).to_be_visible()

    page, name = other.page, uuid4().hex
    other.expected_statuses.add(409)
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Another editor has changed this")).to_be_visible()
    await expect(page.get_by_label("Name")).to_have_value(name)
    await expect(page.get_by_label("Category")).to_have_accessible_description(
        re.compile("Stored value: theirs")
    )
    await page.get_by_role("button", name="Save my version").click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def test_leaving_a_changed_form_asks_for_confirmation(window: Visitor) -> None:
    page = window.page
    await page.goto(f"{TAGS}/create")
    await page.get_by_label("Name").fill("unfinished")
    dialogs: list[str] = []

    async def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        await dialog.dismiss()

    page.once("dialog", dismiss)
    await page.get_by_role("link", name="Cancel").click()
    await expect(page.get_by_label("Name")).to_have_value("unfinished")
    assert dialogs == ["beforeunload"]
