import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from scoring.providers.azure.breaker import Breaker
from scoring.providers.azure.configuration import Connection
from scoring.providers.azure.provider import AzureProvider
from tests.azure_double import KEY

type Start = Callable[..., AbstractAsyncContextManager[AzureProvider]]


@pytest.fixture(scope="session")
def start_azure() -> Start:
    """Starts a provider on a double: `async with start_azure(url, concurrency=…)`."""

    @asynccontextmanager
    async def start(url: str, *, concurrency: int) -> AsyncIterator[AzureProvider]:
        provider = AzureProvider(
            Connection(key=KEY, endpoint=url),
            concurrency=concurrency,
            timeout_seconds=30,
            breaker=Breaker(time.monotonic),
        )
        await provider.start()
        try:
            yield provider
        finally:
            await provider.close()

    return start
