"""The Analytics page: charts of learners' activity, on wide and narrow screens."""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from tests.browser.accessibility import list_violations
from tests.browser.chromium import WIDTHS, Enter, Visitor
from tests.browser.panel import Account, sign_on
from tests.journey import Learner, build_session

pytestmark = [pytest.mark.journey, pytest.mark.browser]

ANALYTICS = "/admin/game/analytics"
NARROW = {"width": 360, "height": 780}
COUNT_COLORS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}"""
TIMEOUT_SECONDS = 30


async def play(learner: Learner, admin: Learner) -> None:
    """Save a session with an incorrect response, and wait until the figures include it."""
    before = await count_sessions(admin)
    body = build_session(await learner.draw(limit=3))
    body["results"][0]["user_response"] = "incorrect"
    saved = await learner.post("/game/sessions", body)
    assert saved.status_code == 201, saved.text
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await count_sessions(admin) == before:  # noqa: ASYNC110 - another process counts it
            await asyncio.sleep(0.5)


async def count_sessions(admin: Learner) -> int:
    overview = await admin.get("/admin/analytics/overview")
    return sum(day["sessions"] for day in overview.json()["days"])


async def expect_drawn_charts(page: Page) -> None:
    charts = page.locator("figure canvas")
    await expect(charts.first).to_be_visible()
    for chart in await charts.all():
        assert await chart.evaluate(COUNT_COLORS) > 10, await chart.get_attribute("aria-label")


@pytest.mark.parametrize("viewport", [*WIDTHS.values(), NARROW], ids=[*WIDTHS.keys(), "narrow"])
async def test_charts_are_drawn_and_accessible(
    enter: Enter, editor: Account, learner: Learner, admin: Learner, viewport: Mapping[str, int]
) -> None:
    await play(learner, admin)
    visitor = await enter(viewport)
    await sign_on(visitor, editor, ANALYTICS)
    page = visitor.page
    await expect_drawn_charts(page)
    assert await list_violations(page) == []
    for summary in await page.locator("details > summary").all():
        await summary.focus()
        await page.keyboard.press("Enter")
    await expect(page.get_by_role("row", name="A2").first).to_be_visible()
    assert await list_violations(page) == []
    assert await visitor.measure_overflow() <= 0


async def test_the_period_is_changed_and_downloaded(
    visitor: Visitor, editor: Account, learner: Learner, admin: Learner
) -> None:
    await play(learner, admin)
    page, today = visitor.page, datetime.now(UTC).date()
    await sign_on(visitor, editor, ANALYTICS)
    await page.get_by_role("link", name="90 days").click()
    await expect(page.get_by_label("From", exact=True)).to_have_value(str(today - timedelta(days=89)))
    await expect(page.locator("#days-table tbody tr")).to_have_count(90)
    await expect_drawn_charts(page)

    visitor.expected_statuses.add(422)
    await page.get_by_label("From", exact=True).fill(str(today + timedelta(days=1)))
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("From must not be after to.")).to_be_visible()
    await expect(page.get_by_label("From", exact=True)).to_be_focused()
    assert await list_violations(page) == []

    await page.get_by_label("From", exact=True).fill(str(today))
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#days-table tbody tr")).to_have_count(1)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download activity by day as CSV").click()
    assert (await download.value).suggested_filename == "days.csv"


async def test_played_speeches_link_to_their_page(
    visitor: Visitor, editor: Account, learner: Learner, admin: Learner
) -> None:
    await play(learner, admin)
    await sign_on(visitor, editor, ANALYTICS)
    await visitor.page.get_by_role("link", name="Show all played speeches").click()
    await expect(visitor.page.get_by_role("heading", name="Played speeches")).to_be_visible()
    assert await list_violations(visitor.page) == []
    await visitor.page.get_by_role("cell").get_by_role("link").first.click()
    await expect(visitor.page).to_have_url(re.compile("/admin/content/speeches/"))


async def test_tables_are_shown_without_scripts(
    enter: Enter, editor: Account, learner: Learner, admin: Learner
) -> None:
    await play(learner, admin)
    visitor = await enter()
    await visitor.context.route("**/charts.js*", lambda route: route.abort())
    await sign_on(visitor, editor, ANALYTICS)
    await visitor.page.get_by_text("Show the table").first.click()
    await expect(visitor.page.locator("#days-table")).to_be_visible()
    await expect(visitor.page.locator("canvas").first).to_be_hidden()
    # The blocked script.
    [fault] = visitor.faults
    assert "ERR_FAILED" in fault
    visitor.faults.clear()
