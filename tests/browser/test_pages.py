"""Rules for all pages: every page of the navigation and the pages that it links to, at both widths."""

from uuid import uuid4

import httpx
import pytest
from playwright.async_api import StorageState
from shared.panel.navigation import NAVIGATION, Entry

from deploy.local.stack import Stack
from tests.browser.accessibility import list_violations
from tests.browser.chromium import WIDTHS, Enter, Visitor
from tests.browser.crawl import visit_pages
from tests.browser.lessons import add_speech, add_tag
from tests.browser.panel import ADMIN
from tests.importing import start, upload, wait_for_end
from tests.journey import Learner, build_session

pytestmark = [pytest.mark.journey, pytest.mark.browser]

PARTS = {"/create", "/<id>", "/<id>/edit", "/<id>/delete"}
EXPECTED = {
    "Speeches": PARTS,
    "Tags": PARTS,
    "Imports": {"/create", "/<id>"},
    "Learners": PARTS - {"/create"},
}
"""Pages that the links must reach, so that a broken link does not hide a page from the test."""
# Elements that the keyboard can focus without an outline of the element or its label.
LIST_UNSEEN = """() => {
  const isSeen = (each) => each && parseFloat(getComputedStyle(each).outlineWidth) > 0;
  const reachable = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const isShown = (each) => each.checkVisibility({ visibilityProperty: true });
  return [...document.querySelectorAll(reachable)]
    .filter((each) => isShown(each) && !each.disabled && each.type !== "hidden")
    .filter((each) => {
      each.focus();
      return document.activeElement === each && !isSeen(each) && ![...(each.labels ?? [])].some(isSeen);
    })
    .map((each) => each.outerHTML.slice(0, 120));
}"""


# The longest possible word, which looks like markup.
LONG = f"<script>{uuid4().hex * 2}</script>"


@pytest.fixture(scope="module")
async def rows(system: Stack) -> None:
    """Let every list begin with a row whose texts have the maximum length."""
    async with httpx.AsyncClient(base_url=system.url, timeout=20) as client:
        admin, learner = (
            await Learner.sign_in(client, ADMIN.email, ADMIN.password),
            await Learner.sign_up(client, name=LONG),
        )
        await add_speech(admin, LONG, await add_tag(admin, LONG, "<b>"))
        session_id = await upload(admin, f"{LONG.replace('/', '')}.mp3")
        await wait_for_end(admin, await start(admin, session_id, [["none.mp3", LONG, "D9", "answer", LONG]]))
        saved = await learner.post("/game/sessions", build_session(await learner.draw(limit=3)))
        assert saved.status_code == 201, saved.text


@pytest.mark.parametrize("entry", NAVIGATION, ids=lambda entry: entry.title)
async def test_all_pages_of_an_entry_are_accessible_and_free_of_errors(
    enter: Enter, admin_state: StorageState, rows: None, entry: Entry
) -> None:
    visitor = await enter(state=admin_state)
    visitor.expected_statuses |= {404, 422}
    faults, kinds = [], set()
    async for kind in visit_pages(visitor.page, entry):
        kinds.add(kind)
        faults += [f"{kind}: {fault}" for fault in await list_faults(visitor)]
    assert faults == []
    missing = {entry.address + part for part in EXPECTED.get(entry.title, set())} - kinds
    assert missing == set()


async def list_faults(visitor: Visitor) -> list[str]:
    """Return the problems of the open page at both widths."""
    page, faults = visitor.page, []
    for name, viewport in WIDTHS.items():
        await page.set_viewport_size(viewport)
        faults += [f"{name}: {violation}" for violation in await list_violations(page)]
        faults += [f"{name}: wider than the window"] if await visitor.measure_overflow() > 0 else []
        await page.keyboard.press("Tab")
        faults += [f"{name}: no focus on {element}" for element in await page.evaluate(LIST_UNSEEN)]
    return faults
