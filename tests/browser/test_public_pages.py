"""Pages that need no account: the reference of the API, and the pages linked from e-mails."""

import pytest
from playwright.async_api import ViewportSize, expect

from tests.browser.accessibility import list_violations
from tests.browser.chromium import WIDTHS, Enter, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.browser]


async def test_the_reference_lists_the_operations(visitor: Visitor) -> None:
    await visitor.page.goto("/docs")
    await expect(visitor.page.get_by_role("heading", name="Parley")).to_be_visible()
    await expect(visitor.page.locator(".opblock").first).to_be_visible()


@pytest.mark.parametrize("viewport", WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize("path", ["/account/verify", "/account/reset"])
async def test_the_pages_of_e_mail_links_are_accessible(
    enter: Enter, path: str, viewport: ViewportSize
) -> None:
    visitor = await enter(viewport)
    await visitor.page.goto(f"{path}#token=none")
    await expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    assert await list_violations(visitor.page) == []
    assert await visitor.measure_overflow() <= 0


async def test_a_page_that_breaks_its_policy_is_reported(visitor: Visitor) -> None:
    await visitor.page.goto("/account/reset")
    add_script = "document.body.append(Object.assign(document.createElement('script'), { text: '1' }))"
    async with visitor.page.expect_console_message():
        await visitor.page.evaluate(add_script)
    [fault] = visitor.faults
    assert "Content Security Policy" in fault
    visitor.faults.clear()
