import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Send

from auth.export.errors import ExportBrokenOff

log = structlog.get_logger(__name__)

# Game breaks off a stream that stalls, before this.
STALL_TIMEOUT_SECONDS = 30.0


class PassedOnResponse(StreamingResponse):
    """A stream that is broken off, without its last chunk, if its source fails or its reader stalls."""

    def __init__(self, pieces: AsyncGenerator[bytes], *, headers: dict[str, str]) -> None:
        super().__init__(pieces, media_type="application/json", headers=headers)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._pieces):
                async for piece in self._pieces:
                    async with asyncio.timeout(STALL_TIMEOUT_SECONDS):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (ExportBrokenOff, TimeoutError) as error:
            # Without its end the response never looks complete.
            log.warning("export_broken_off", reason=str(error) or "slow reader")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
