"""A browser, and visitors whose pages must have shown no errors when the test ends."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, StorageState, ViewportSize

from deploy.local.stack import Stack
from tests.browser.chromium import DESKTOP, Enter, Visitor, find_chromium, launch
from tests.browser.panel import ADMIN, Account, create_editor, sign_on
from tests.journey import Learner


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = find_chromium()
    if executable is None:
        message = "Chromium is missing: sudo apt-get install chromium (Debian), or install Google Chrome"
        # In CI, a missing browser must fail the tests instead of skipping them.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    async with launch(executable) as browser:
        yield browser


@pytest.fixture
async def enter(system: Stack, browser: Browser) -> AsyncIterator[Enter]:
    """Provide a function that opens a window with separate cookies, or with those of a signed-on user."""
    visitors: list[Visitor] = []
    async with AsyncExitStack() as stack:

        async def open_window(
            viewport: ViewportSize = DESKTOP, *, state: StorageState | None = None
        ) -> Visitor:
            window = Visitor.enter(browser, system.url, viewport, state=state)
            visitors.append(await stack.enter_async_context(window))
            return visitors[-1]

        yield open_window
    assert [fault for visitor in visitors for fault in visitor.faults] == []


@pytest.fixture
async def visitor(enter: Enter) -> Visitor:
    return await enter()


@pytest.fixture
async def editor(admin: Learner) -> Account:
    return await create_editor(admin)


@pytest.fixture(scope="session")
async def admin_state(system: Stack, browser: Browser) -> StorageState:
    """Sign on as the demo admin, once for all tests."""
    async with Visitor.enter(browser, system.url) as visitor:
        await sign_on(visitor, ADMIN)
        return await visitor.context.storage_state()


@pytest.fixture
async def window(enter: Enter, admin_state: StorageState) -> Visitor:
    """Open a window of a signed-on admin."""
    return await enter(state=admin_state)
