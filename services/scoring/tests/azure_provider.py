"""Azure's provider with the real SDK, on a double of the service."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from scoring.providers.azure.configuration import Connection
from scoring.providers.azure.provider import AzureProvider
from scoring.providers.azure.service_breaker import ServiceBreaker
from tests.azure_double import KEY

type Provide = Callable[..., AbstractAsyncContextManager[AzureProvider]]


@asynccontextmanager
async def start_azure(
    url: str, *, concurrency: int = 4, timeout_seconds: float = 10, breaker: ServiceBreaker | None = None
) -> AsyncIterator[AzureProvider]:
    provider = AzureProvider(
        Connection(key=KEY, endpoint=url),
        concurrency=concurrency,
        timeout_seconds=timeout_seconds,
        breaker=breaker or ServiceBreaker(time.monotonic),
    )
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()
