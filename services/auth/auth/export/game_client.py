from collections.abc import AsyncGenerator

import httpx
import structlog
from shared.errors import TooManyRequests

from auth.errors import ExportUnavailable, SignedOut
from auth.export.errors import ExportInterrupted

log = structlog.get_logger(__name__)

# The read timeout applies between pieces. A compressed stream would have to be decompressed.
TIMEOUT = httpx.Timeout(12.0, connect=1.0)
HEADERS = {"Accept-Encoding": "identity"}
DEFAULT_RETRY_SECONDS = "10"


class GameClient:
    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT, headers=HEADERS)

    async def open_export(self, access_token: str) -> AsyncGenerator[bytes]:
        """Return game's data on the token's owner, as JSON in pieces. Close it.

        Raises ExportUnavailable and TooManyRequests. Later, the pieces can raise ExportInterrupted.
        """
        headers = {"Authorization": f"Bearer {access_token}"}
        request = self._client.build_request("GET", "/internal/users/me/export", headers=headers)
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            log.warning("export_unavailable", reason=type(error).__name__)
            raise ExportUnavailable from error
        if response.status_code != 200:
            await response.aclose()
            raise _to_error(response)
        return _read(response)

    async def close(self) -> None:
        await self._client.aclose()


async def _read(response: httpx.Response) -> AsyncGenerator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        raise ExportInterrupted(type(error).__name__) from error
    finally:
        await response.aclose()


def _to_error(response: httpx.Response) -> ExportUnavailable | TooManyRequests | SignedOut:
    if response.status_code == 401:
        return SignedOut()
    if response.status_code == 429:
        seconds = response.headers.get("Retry-After", DEFAULT_RETRY_SECONDS)
        detail = f"Your last export is still running, or you requested too many; try again in {seconds} s."
        return TooManyRequests(detail, headers={"Retry-After": seconds})
    log.warning("export_unavailable", reason=f"status {response.status_code}")
    return ExportUnavailable()
