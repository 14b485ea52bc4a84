"""The accessibility of a page, as axe-core judges it."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}


async def list_violations(page: Page) -> list[str]:
    """Return the rules of WCAG 2 A and AA that the page breaks, each with the elements concerned."""
    results = await Axe().run(page, options=OPTIONS)
    return [
        f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']]}"
        for each in results.response["violations"]
    ]
