"""Chromium for tests. Errors that its pages report are collected and checked at the end."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    StorageState,
    ViewportSize,
    async_playwright,
    expect,
)

COMMANDS = ("chromium", "google-chrome")
MACOS_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
ARGUMENTS = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-dev-shm-usage",
)
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
WIDTHS: Mapping[str, ViewportSize] = {"desktop": DESKTOP, "phone": PHONE}
TIMEOUT_SECONDS = 30
# Chromium reports failed responses in the console too, without their address.
FAILED_RESPONSE = "Failed to load resource: the server responded with a status of"


def find_chromium() -> str | None:
    """Return the path of the system's Chromium or Google Chrome."""
    executable = next(filter(None, map(shutil.which, COMMANDS)), None)
    return executable or (str(MACOS_CHROME) if os.access(MACOS_CHROME, os.X_OK) else None)


@asynccontextmanager
async def launch(executable: str) -> AsyncIterator[Browser]:
    """Run Chromium without a window."""
    expect.set_options(timeout=TIMEOUT_SECONDS * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@dataclass
class Visitor:
    """A browser window with separate cookies, and the errors of its pages."""

    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def enter(
        cls,
        browser: Browser,
        url: str,
        viewport: ViewportSize = DESKTOP,
        *,
        state: StorageState | None = None,
    ) -> AsyncIterator["Visitor"]:
        """Open a window. `state` contains the cookies of a signed-on user."""
        context = await browser.new_context(
            base_url=url, viewport=viewport, locale="en-US", storage_state=state
        )
        context.set_default_timeout(TIMEOUT_SECONDS * 1000)
        visitor = cls(context, await context.new_page())
        context.on("console", visitor._note_message)
        context.on("weberror", lambda error: visitor.faults.append(f"script: {error.error}"))
        context.on("response", visitor._note_response)
        yield visitor
        await context.close()

    def _note_message(self, message: ConsoleMessage) -> None:
        # Refusals of the Content-Security-Policy are errors too.
        if message.type in ("error", "warning") and not message.text.startswith(FAILED_RESPONSE):
            self.faults.append(f"{message.type}: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.faults.append(f"{response.status}: {response.request.method} {response.url}")

    async def measure_overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        width: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


type Enter = Callable[..., Awaitable[Visitor]]
