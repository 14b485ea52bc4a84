"""Many scorings leak no memory, threads or descriptors. LEAK_SCORINGS=1000 runs more of them."""

import os
from collections.abc import Iterator

import psutil
import pytest
from scoring.audio.recording import Recording
from scoring.providers import SpeechProvider
from scoring.providers.offline.provider import PROCESS, OfflineProvider
from shared.confined.pool import WorkerPool
from tests.azure_double.process import run_double
from tests.azure_provider import start_azure
from tests.load.measuring import Usage, measure_usage

pytestmark = pytest.mark.long

TEXT = "The train leaves at seven in the morning."
WARM_UP = 40
SCORINGS = int(os.environ.get("LEAK_SCORINGS", "0"))
MAX_GROWTH = 0.05
MAX_IN_CLEAN_UP = 6
"""Threads and descriptors of the last scorings, which the Speech SDK releases after the response."""


@pytest.fixture(scope="module")
def quick_service() -> Iterator[str]:
    with run_double() as url:
        yield url


async def score(provider: SpeechProvider, recording: Recording, *, times: int) -> None:
    for _ in range(times):
        await provider.assess(recording, text=TEXT, language="en-US")


def compare(name: str, before: Usage, after: Usage, *, times: int) -> None:
    growth = after.rss_mb / before.rss_mb - 1
    print(f"{name}, {times} scorings: {before} → {after}, {growth:+.1%}")  # noqa: T201 - figures
    assert growth <= MAX_GROWTH
    # A leak would grow with the number of scorings.
    assert after.threads - before.threads <= MAX_IN_CLEAN_UP
    assert after.descriptors - before.descriptors <= MAX_IN_CLEAN_UP


async def test_scoring_with_azure_leaks_no_resources(
    quick_service: str,
    recording: Recording,
) -> None:
    times, processes = SCORINGS or 200, [psutil.Process()]
    async with start_azure(quick_service, concurrency=2, timeout_seconds=30) as provider:
        await score(provider, recording, times=WARM_UP)
        before = measure_usage(processes)
        await score(provider, recording, times=times)
        after = measure_usage(processes)
    compare("azure", before, after, times=times)


async def test_offline_scoring_leaks_no_resources(recording: Recording) -> None:
    times = SCORINGS or 60
    workers = WorkerPool(PROCESS, count=1, timeout_seconds=30, forking=True)
    provider = OfflineProvider(workers)
    await provider.start()
    try:
        await score(provider, recording, times=WARM_UP)
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        before = measure_usage(processes)
        await score(provider, recording, times=times)
        after = measure_usage(processes)
    finally:
        await provider.close()
    compare("offline", before, after, times=times)
