from collections.abc import AsyncIterator
from functools import partial

import pytest
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo
from tests.azure_double import AzureDouble
from tests.azure_provider import Provide, start_azure


@pytest.fixture
async def double() -> AsyncIterator[AzureDouble]:
    async with AzureDouble().listen() as double:
        yield double


@pytest.fixture
def provide(double: AzureDouble) -> Provide:
    """Starts a provider on the double: `async with provide(concurrency=…, timeout_seconds=…)`."""
    return partial(start_azure, double.url)


@pytest.fixture(scope="session")
def long_recording(recording: Recording) -> Recording:
    """The reading, repeated to 45 s."""
    size = 45 * 32_000
    repeated = bytes(recording.pcm) * (size // len(recording.pcm) + 1)
    return Recording(memoryview(bytearray(repeated[:size])), AudioInfo(45_000, 16_000, "wav"))
