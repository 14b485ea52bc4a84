"""Waiting for the work of another task, thread or process."""

import asyncio
from collections.abc import Callable

TIMEOUT_SECONDS = 60
"""Only a hang takes this long."""


async def wait_until(is_true: Callable[[], object]) -> None:
    """Return as soon as the condition is true. Raises TimeoutError."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not is_true():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0.01)
