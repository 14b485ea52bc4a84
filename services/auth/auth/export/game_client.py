"""The game service, asked for what it holds on a learner, with the learner's own token."""

import httpx
import structlog

from auth.errors import ExportUnavailable

log = structlog.get_logger(__name__)

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
TIMEOUT = httpx.Timeout(12.0, connect=1.0)


class GameClient:
    """The API of the game service, inside the private network."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT)

    async def export(self, token: str) -> bytes:
        """Everything game holds on the owner of an access token, as JSON. Raises ExportUnavailable."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._client.stream("GET", "/internal/users/me/export", headers=headers) as answer:
                answer.raise_for_status()
                return await _bounded(answer)
        except (httpx.HTTPError, ValueError) as error:
            log.warning("export_incomplete", reason=type(error).__name__)
            raise ExportUnavailable from error

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise ValueError("more than can be handed on")
    return bytes(body)
