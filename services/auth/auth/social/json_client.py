"""Asks providers for JSON, and trusts neither their speed nor their size."""

import asyncio
import json
from typing import Any, NamedTuple

import httpx
import structlog

from auth.errors import ProviderUnavailable

log = structlog.get_logger(__name__)

MAX_RESPONSE_BYTES = 65_536
"""What an answer may have: a set of keys has a few thousand."""
CONNECT_TIMEOUT_SECONDS = 1.0
# The pool is no queue: whoever finds it used up for a second is told to come back.
POOL = httpx.Limits(max_connections=32, max_keepalive_connections=8)


class JsonResponse(NamedTuple):
    """A JSON object, and whether it is what was asked for or says why not."""

    ok: bool
    document: dict[str, Any]


class JsonClient:
    """One pool of connections to all providers. Redirects are not followed."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(
                timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS, pool=CONNECT_TIMEOUT_SECONDS
            ),
            limits=POOL,
            # A compressed answer could grow beyond every bound while it is unpacked.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, url: str, *, bearer: str = "", params: dict[str, str] | None = None) -> JsonResponse:
        """The answer of the provider, or its refusal (400, 401). Raises ProviderUnavailable for all else."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status, body = await self._read(
                    self._client.build_request("GET", url, headers=headers, params=params)
                )
            document = json.loads(body)
            if status not in {200, 400, 401} or not isinstance(document, dict):
                raise ValueError(f"status {status}")
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            # The host alone: the rest of the address may hold what opens an account.
            log.warning("provider_not_understood", host=httpx.URL(url).host, reason=type(error).__name__)
            raise ProviderUnavailable from None
        return JsonResponse(status == 200, document)

    async def keys(self, url: str) -> dict[str, Any]:
        """A JWK set. Raises ProviderUnavailable."""
        answer = await self.get(url)
        if not answer.ok:
            raise ProviderUnavailable
        return answer.document

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
