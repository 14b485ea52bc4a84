from collections.abc import AsyncIterator
from functools import partial

import pytest
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo
from tests.azure_double import AzureDouble
from tests.azure_provider import Provide, started_azure


@pytest.fixture
async def double() -> AsyncIterator[AzureDouble]:
    async with AzureDouble().listening() as double:
        yield double


@pytest.fixture
def provide(double: AzureDouble) -> Provide:
    """Starts a provider on the double: `async with provide(concurrency=…, timeout_seconds=…)`."""
    return partial(started_azure, double.url)


@pytest.fixture(scope="session")
def long_recording(recording: Recording) -> Recording:
    """45 s: the reading again and again."""
    size = 45 * 32_000
    repeated = bytes(recording.pcm) * (size // len(recording.pcm) + 1)
    return Recording(memoryview(bytearray(repeated[:size])), AudioInfo(45_000, 16_000, "wav"))
