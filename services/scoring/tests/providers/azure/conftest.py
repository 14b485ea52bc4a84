import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo
from scoring.providers.azure.breaker import Breaker
from scoring.providers.azure.configuration import Connection
from scoring.providers.azure.provider import AzureProvider
from tests.azure_double import KEY, AzureDouble

type Provide = Callable[..., AbstractAsyncContextManager[AzureProvider]]


@pytest.fixture
async def double() -> AsyncIterator[AzureDouble]:
    async with AzureDouble().listening() as double:
        yield double


@pytest.fixture
def provide(double: AzureDouble) -> Provide:
    """Starts a provider on the double: `async with provide(concurrency=…, timeout_seconds=…)`."""

    @asynccontextmanager
    async def start(
        *, concurrency: int = 4, timeout_seconds: float = 10, breaker: Breaker | None = None
    ) -> AsyncIterator[AzureProvider]:
        provider = AzureProvider(
            Connection(key=KEY, endpoint=double.url),
            concurrency=concurrency,
            timeout_seconds=timeout_seconds,
            breaker=breaker or Breaker(time.monotonic),
        )
        await provider.start()
        try:
            yield provider
        finally:
            await provider.close()

    return start


@pytest.fixture(scope="session")
def long_recording(recording: Recording) -> Recording:
    """45 s: the reading again and again."""
    size = 45 * 32_000
    repeated = bytes(recording.pcm) * (size // len(recording.pcm) + 1)
    return Recording(memoryview(bytearray(repeated[:size])), AudioInfo(45_000, 16_000, "wav"), 30.0)
