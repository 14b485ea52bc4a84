"""A browser, and visitors that must have seen no fault when their test ends."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser

from deploy.local.stack import Stack
from tests.browser.chromium import DESKTOP, Enter, Visitor, find_chromium, launched
from tests.browser.panel import Account, create_editor
from tests.journey import Learner


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = find_chromium()
    if executable is None:
        message = "Chromium is not installed, and apt has no package of it: see deploy/local/README.md"
        # Where changes are checked, a missing browser must not pass for a working panel.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    async with launched(executable) as browser:
        yield browser


@pytest.fixture
async def enter(system: Stack, browser: Browser) -> AsyncIterator[Enter]:
    """Provide a function that opens a window with cookies of its own."""
    visitors: list[Visitor] = []
    async with AsyncExitStack() as stack:

        async def open_window(viewport: Mapping[str, int] = DESKTOP) -> Visitor:
            visitors.append(await stack.enter_async_context(Visitor.entered(browser, system.url, viewport)))
            return visitors[-1]

        yield open_window
    assert [fault for visitor in visitors for fault in visitor.faults] == []


@pytest.fixture
async def visitor(enter: Enter) -> Visitor:
    return await enter()


@pytest.fixture
async def editor(admin: Learner) -> Account:
    return await create_editor(admin)
