"""Checks the accessibility of a page with axe-core."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {
    "runOnly": {"type": "tag", "values": RULES},
    "resultTypes": ["violations"],
    # Style sheets and recordings are not fetched again.
    "preload": False,
}
# Only some rows of a list are checked: they are alike, and axe-core would need seconds for all.
RUN = """async (options) => {
  const found = await axe.run({ exclude: ["tbody > tr:nth-child(n + 6)"] }, options);
  return found.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target)}`);
}"""


async def list_violations(page: Page) -> list[str]:
    """Return the rules of WCAG 2 A and AA that the page breaks, each with the elements concerned."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    violations: list[str] = await page.evaluate(RUN, OPTIONS)
    return violations
