import httpx
import structlog

from auth.errors import ExportUnavailable

log = structlog.get_logger(__name__)

MAX_EXPORT_BYTES = 64 * 1024 * 1024
TIMEOUT = httpx.Timeout(12.0, connect=1.0)


class GameClient:
    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT)

    async def export(self, access_token: str) -> bytes:
        """Return all data that game holds on the token's owner, as JSON. Raises ExportUnavailable."""
        headers = {"Authorization": f"Bearer {access_token}"}
        try:
            async with self._client.stream("GET", "/internal/users/me/export", headers=headers) as response:
                response.raise_for_status()
                return await _read_bounded(response)
        except (httpx.HTTPError, ValueError) as error:
            log.warning("export_unavailable", reason=type(error).__name__)
            raise ExportUnavailable from error

    async def close(self) -> None:
        await self._client.aclose()


async def _read_bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_EXPORT_BYTES:
            raise ValueError("too large")
    return bytes(body)
