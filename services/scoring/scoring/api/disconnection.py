"""Cancels the work for clients that disconnect: it would hold memory and slots that others wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from scoring.errors import ClientDisconnected

MAX_IGNORED_BYTES = 64 * 1024
"""Bytes that a client may send after its form. Nothing is read beyond them."""


@asynccontextmanager
async def cancel_on_disconnect(request: Request) -> AsyncIterator[None]:
    """Cancel the block and raise ClientDisconnected if the client disconnects after its form was read."""
    try:
        async with asyncio.timeout(None) as scope:
            watch = asyncio.create_task(_end_with_client(request, scope))
            try:
                yield
            finally:
                watch.cancel()
    except TimeoutError:
        if scope.expired():
            raise ClientDisconnected from None
        raise


async def _end_with_client(request: Request, scope: asyncio.Timeout) -> None:
    ignored = 0
    while ignored <= MAX_IGNORED_BYTES:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            scope.reschedule(asyncio.get_running_loop().time())
            return
        ignored += len(message.get("body", b""))
