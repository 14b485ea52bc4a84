"""Timeouts that do not count delays of the event loop."""

import asyncio
from collections.abc import Awaitable

SLICES = 5
MAX_LATE_FACTOR = 20
"""A limit of 0.25 s ends after 5 s even if the loop is constantly delayed."""


async def run_within_loop_time[R](call: Awaitable[R], *, seconds: float) -> R:
    """Return the result of the call, or raise TimeoutError after `seconds`, excluding delays of the loop."""
    # When a timer fires late, the server's response may already be in the socket. Late slices of the time
    # therefore do not count, and the loop reads its sockets in between.
    loop, slice_seconds = asyncio.get_running_loop(), seconds / SLICES
    task = asyncio.ensure_future(call)
    remaining, end = SLICES, loop.time() + seconds * MAX_LATE_FACTOR
    try:
        while remaining and (started := loop.time()) < end:
            done, _ = await asyncio.wait({task}, timeout=slice_seconds)
            if done:
                return task.result()
            if loop.time() - started < 2 * slice_seconds:
                remaining -= 1
        raise TimeoutError
    finally:
        task.cancel()
