"""Responses that slow readers cannot keep open."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Send

log = structlog.get_logger(__name__)

GRACE_SECONDS = 20.0
MIN_BYTES_PER_SECOND = 16 * 1024
# A connection buffers this much before it waits, plus one piece.
MAX_PIECE_BYTES = 64 * 1024


class PacedResponse(StreamingResponse):
    """A stream that is aborted when its client stalls, or is slower than the minimum on average, or when its
    content raises one of `failures`.
    """

    def __init__(
        self,
        content: AsyncGenerator[bytes],
        *,
        media_type: str,
        headers: dict[str, str],
        grace_seconds: float = GRACE_SECONDS,
        failures: tuple[type[Exception], ...] = (),
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._content, self._grace_seconds = content, grace_seconds
        self._failures: tuple[type[Exception], ...] = (TimeoutError, *failures)

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._content):
                await self._send_pieces(send)
        except self._failures as error:
            # Without its last chunk the response is aborted, so that it never looks complete.
            reason = "slow reader" if isinstance(error, TimeoutError) else str(error)
            log.warning("response_aborted", reason=reason)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_pieces(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace_seconds
        async with asyncio.timeout_at(deadline) as limit:
            async for chunk in _split_pages(self._content):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                deadline += len(chunk) / MIN_BYTES_PER_SECOND
                # Data in buffers on the way counts as read, and may be several megabytes.
                limit.reschedule(min(deadline, loop.time() + self._grace_seconds))


async def _split_pages(content: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async for page in content:
        for start in range(0, len(page), MAX_PIECE_BYTES):
            yield page[start : start + MAX_PIECE_BYTES]
