import asyncio
from collections.abc import AsyncIterator

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Send

log = structlog.get_logger(__name__)

GRACE_SECONDS = 20.0
MIN_BYTES_PER_SECOND = 16 * 1024
# A connection buffers as much before it waits, and one piece more.
MAX_PIECE_BYTES = 64 * 1024


class PacedResponse(StreamingResponse):
    """A stream that breaks off when its reader stalls, or is slower than the minimum on average."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        *,
        media_type: str,
        headers: dict[str, str],
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._content, self._grace_seconds = content, grace_seconds

    async def stream_response(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace_seconds
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with asyncio.timeout_at(deadline) as limit:
                async for piece in _cut(self._content):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    deadline += len(piece) / MIN_BYTES_PER_SECOND
                    # What buffers on the way have taken counts as read, and may be some megabytes.
                    limit.reschedule(min(deadline, loop.time() + self._grace_seconds))
        except TimeoutError:
            # Without its end the response is broken off, so that it never looks complete.
            log.warning("export_broken_off", reason="slow reader")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cut(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for page in content:
        for start in range(0, len(page), MAX_PIECE_BYTES):
            yield page[start : start + MAX_PIECE_BYTES]
