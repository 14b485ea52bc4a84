"""Measures the cost of a block of work for this process."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import psutil

INTERVAL_SECONDS = 0.005
MIB = 2**20


@dataclass
class Cost:
    seconds: float = 0.0
    lags: list[float] = field(default_factory=list)
    """Delays of the event loop in seconds, one for each measurement."""
    growth_mb: float = 0.0
    """Growth of the resident memory from the start to its maximum."""

    @property
    def lag_p99(self) -> float:
        return sorted(self.lags)[len(self.lags) * 99 // 100]


@contextlib.asynccontextmanager
async def measure() -> AsyncIterator[Cost]:
    cost, process = Cost(), psutil.Process()
    watching = asyncio.create_task(_watch(cost, process, process.memory_info().rss))
    started = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - started
        watching.cancel()


async def _watch(cost: Cost, process: psutil.Process, rss_before: int) -> None:
    while True:
        asked_at = time.perf_counter()
        await asyncio.sleep(INTERVAL_SECONDS)
        cost.lags.append(time.perf_counter() - asked_at - INTERVAL_SECONDS)
        cost.growth_mb = max(cost.growth_mb, (process.memory_info().rss - rss_before) / MIB)


@dataclass(frozen=True)
class Usage:
    """Resources that processes use together."""

    rss_mb: float
    threads: int
    descriptors: int


def measure_usage(processes: Sequence[psutil.Process]) -> Usage:
    return Usage(
        rss_mb=sum(process.memory_info().rss for process in processes) / MIB,
        threads=sum(process.num_threads() for process in processes),
        descriptors=sum(process.num_fds() for process in processes),
    )
