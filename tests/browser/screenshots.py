"""Takes pictures of every page of the panel for the documentation: `make screenshots`."""

import asyncio
import base64
import os
import re
import sys
import tempfile
from pathlib import Path

import httpx
from playwright.async_api import Page
from shared.panel.navigation import NAVIGATION, Entry

from deploy.local.processes import ROOT
from deploy.local.stack import Stack, run_stack
from tests.browser.chromium import WIDTHS, Visitor, find_chromium, launch
from tests.browser.crawl import visit_pages
from tests.browser.panel import ABSENT, ADMIN, sign_on
from tests.browser.showcase import fill

FOLDER = ROOT / "docs" / "images" / "panel"
QUALITY = 55
OF_NO_PICTURE = re.compile(rf"page=0|{ABSENT}|/admin/(auth|game|importer)/audit")
"""Lists without rows, error pages, and pages that look like another one."""


def run() -> int:
    executable = find_chromium()
    if executable is None:
        sys.exit("Chromium is missing: sudo apt-get install chromium (Debian), or install Google Chrome.")
    with tempfile.TemporaryDirectory(prefix="parley-pictures-", ignore_cleanup_errors=True) as folder:
        # Many accounts are created from one address.
        os.environ["RATE_LIMIT_ENABLED"] = "false"
        Path(folder).chmod(0o711)  # servers that refuse to run as root must reach their data inside
        with run_stack(Path(folder)) as system:
            asyncio.run(take(system, executable))
    return 0


async def take(system: Stack, executable: str) -> None:
    async with httpx.AsyncClient(base_url=system.url, timeout=60) as client:
        await fill(client)
    async with launch(executable) as browser, Visitor.enter(browser, system.url) as visitor:
        await visitor.page.goto("/admin/login")
        await _save_picture(visitor.page, "sign-in")
        await sign_on(visitor, ADMIN)
        for entry in NAVIGATION:
            async for kind in visit_pages(visitor.page, entry):
                if not OF_NO_PICTURE.search(kind):
                    await _save_picture(visitor.page, _to_name(kind, entry))


def _to_name(kind: str, entry: Entry) -> str:
    """Return `speeches-edit` for `/admin/content/speeches/<id>/edit`, and `analytics-speeches` for a page of
    another address of the entry.
    """
    path, _, query = kind.partition("?")
    parts = [part for part in path.split("/")[3:] if part != "<id>"]
    if not path.startswith(entry.address):
        parts.insert(0, entry.title.lower())
    return "-".join([*parts, *(["details"] if path.endswith("<id>") else []), *re.findall(r"\w+", query)])


async def _save_picture(page: Page, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for width, viewport in WIDTHS.items():
        await page.set_viewport_size(viewport)
        await page.wait_for_load_state("networkidle")
        # Playwright itself writes no WebP.
        devtools = await page.context.new_cdp_session(page)
        picture = await devtools.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
        (FOLDER / f"{name}-{width}.webp").write_bytes(base64.b64decode(picture["data"]))
        await devtools.detach()


if __name__ == "__main__":
    sys.exit(run())
