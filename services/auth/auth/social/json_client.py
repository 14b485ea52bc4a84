"""HTTP client for providers, with limits on the time and size of their responses."""

import asyncio
import json
from typing import Any, NamedTuple

import httpx
import structlog

from auth.errors import ProviderUnavailable

log = structlog.get_logger(__name__)

MAX_RESPONSE_BYTES = 65_536
"""A set of keys has a few thousand bytes."""
CONNECT_TIMEOUT_SECONDS = 1.0
# The pool is not a queue: a request that finds no free connection within a second is rejected with 503.
POOL_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=8)


class JsonResponse(NamedTuple):
    """A JSON object: the requested document, or the provider's error if not `ok`."""

    ok: bool
    document: dict[str, Any]


class JsonClient:
    def __init__(self, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(
                timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS, pool=CONNECT_TIMEOUT_SECONDS
            ),
            limits=POOL_LIMITS,
            # A compressed response could exceed every limit while it is unpacked.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, url: str, *, bearer: str = "", params: dict[str, str] | None = None) -> JsonResponse:
        """Return the response, or the provider's refusal (400, 401). Raises ProviderUnavailable otherwise."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await self._fetch(self._client.build_request("GET", url, headers=headers, params=params))

    async def post(self, url: str, *, form: dict[str, str]) -> JsonResponse:
        """Like `get`. An empty response is an empty document."""
        return await self._fetch(self._client.build_request("POST", url, data=form))

    async def fetch_keys(self, url: str) -> dict[str, Any]:
        response = await self.get(url)
        if not response.ok:
            raise ProviderUnavailable
        return response.document

    async def _fetch(self, request: httpx.Request) -> JsonResponse:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status, body = await self._read(request)
            document = {} if request.method == "POST" and not body else json.loads(body)
            if status not in {200, 400, 401} or not isinstance(document, dict):
                raise ValueError(f"status {status}")
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            # Only the host: the rest of the URL may contain secrets.
            log.warning("provider_bad_response", host=request.url.host, reason=type(error).__name__)
            raise ProviderUnavailable from None
        return JsonResponse(status == 200, document)

    async def _read(self, request: httpx.Request) -> tuple[int, bytes]:
        response = await self._client.send(request, stream=True)
        try:
            body = b""
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_RESPONSE_BYTES:
                    raise ValueError("too large")
            return response.status_code, body
        finally:
            await response.aclose()
