"""Finds the pages of an entry of the navigation by their links."""

import re
from collections.abc import AsyncIterator, Iterable
from urllib.parse import SplitResult, urlsplit

from playwright.async_api import Page
from shared.panel.navigation import Entry

from tests.browser.panel import ABSENT

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DOWNLOAD = ".csv"
LIST_LINKS = "(links) => links.map((link) => link.href)"
# Lists look the same in another order, on another page or with other rows.
OF_A_LIST = re.compile("(^|&)(sort|page|cursor|search|session|subject_id|tag)=")
NARROW = """(absent) => {
  const form = document.querySelector("form.filters");
  const typed = form?.querySelector("input[type=search], input[type=text][name]");
  const chosen = form?.querySelector("select[name]:not([data-lookup])");
  if (typed) typed.value = absent;
  else if (chosen) chosen.selectedIndex = chosen.options.length - 1;
  else return "";
  return `?${new URLSearchParams(new FormData(form))}`;
}"""


async def visit_pages(page: Page, entry: Entry) -> AsyncIterator[str]:
    """Open one page of each kind, and yield the kind while it is open: `/admin/content/tags/<id>/edit`.

    The last ones are a list without rows, a list with a wrong address, and a missing page.
    """
    waiting, queued = [entry.address], {entry.address}
    while waiting:
        await page.goto(address := waiting.pop(0))
        yield _to_kind(address)
        for link in await _list_links(page, entry.prefixes):
            if _to_kind(link) not in queued:
                queued.add(_to_kind(link))
                waiting.append(link)
    await page.goto(entry.address)
    narrowed = await page.evaluate(NARROW, ABSENT)
    for suffix in (*filter(None, [narrowed]), "?page=0", f"/{ABSENT}"):
        await page.goto(entry.address + suffix)
        yield entry.address + suffix


async def _list_links(page: Page, prefixes: Iterable[str]) -> list[str]:
    """Return the addresses under these prefixes that the content of the open page links to."""
    links: list[str] = await page.locator("main a[href]").evaluate_all(LIST_LINKS)
    return [_to_address(part) for part in map(urlsplit, links) if _is_page(part, prefixes)]


def _is_page(part: SplitResult, prefixes: Iterable[str]) -> bool:
    is_own = any(part.path == prefix or part.path.startswith(f"{prefix}/") for prefix in prefixes)
    return is_own and not part.path.endswith(DOWNLOAD)


def _to_address(part: SplitResult) -> str:
    return part.path if not part.query or OF_A_LIST.search(part.query) else f"{part.path}?{part.query}"


def _to_kind(address: str) -> str:
    """Return the kind of a page: its address without ids and values."""
    return re.sub("=[^&]*", "", ID.sub("<id>", address))
