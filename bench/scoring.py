"""The offline scorer's cost: time compared with its encoder alone, memory, and the gain of a second worker.

Run it with `make bench WHAT=scoring`.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import psutil
from scoring.providers.offline.listener import SpeechModel
from scoring.providers.offline.model_files import load_model_files
from scoring.providers.offline.provider import PROCESS, OfflineProvider
from shared.confined.pool import WorkerPool

from bench.hostile import read_seed, to_recording
from bench.rounds import compute_ratio, report_bounds
from bench.sounds import RATE, Samples

MAX_SECONDS, MINUTE_SECONDS = 6.0, 60.0
MAX_ENCODER_RATIO = 3.2
"""Median of the time of a whole assessment divided by that of the encoder alone."""
MAX_MINUTE_RATIO = 3.0
"""Time per second of audio for a minute, divided by that for recordings up to MAX_SECONDS."""
MAX_WORKER_MB = 350
MIN_GAIN = 1.7
VOICES, WARM_UP, MINUTES, ROUNDS, REPEATS = 140, 5, 4, 5, 24
MIB = 2**20


@dataclass
class Memory:
    """Megabytes of the largest process of a pool: all its memory, and the pages shared with others."""

    rss: float = 0.0
    shared: float = 0.0

    def update(self) -> None:
        for process in psutil.Process().children(recursive=True):
            info = process.memory_full_info()
            self.rss = max(self.rss, info.rss / MIB)
            self.shared = max(self.shared, (info.rss - info.uss) / MIB)


@asynccontextmanager
async def start_provider(workers: int) -> AsyncIterator[OfflineProvider]:
    pool = WorkerPool(PROCESS, count=workers, timeout_seconds=120, forking=True)
    provider = OfflineProvider(pool)
    await provider.start()
    try:
        while not pool.is_ready:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.05)
        yield provider
    finally:
        await provider.close()


def read_short(seed: list[tuple[str, Samples]]) -> list[tuple[str, Samples]]:
    return [(text, voice) for text, voice in seed if len(voice) <= MAX_SECONDS * RATE]


def to_minute(text: str, voice: Samples) -> tuple[str, Samples]:
    """Repeat a reading, with a pause between two, until it takes a minute."""
    with_pause = np.concatenate([voice, np.zeros(RATE // 2, np.float32)])
    count = int(MINUTE_SECONDS * RATE / len(with_pause))
    return " ".join([text] * count), np.tile(with_pause, count)


async def assess(provider: OfflineProvider, text: str, voice: Samples) -> None:
    await provider.assess(to_recording(voice), text=text, language="en-US")


async def time_call(call: Awaitable[object]) -> float:
    started = time.perf_counter()
    await call
    return time.perf_counter() - started


async def compare_with_encoder(provider: OfflineProvider, seed: list[tuple[str, Samples]]) -> list[str]:
    encoder = SpeechModel.from_files(load_model_files()).encoder
    encoded, scored = list[float](), list[float]()
    for text, voice in seed:
        encoded.append(await time_call(asyncio.to_thread(encoder.encode, voice)))
        scored.append(await time_call(assess(provider, text, voice)))
    for name, times in (("the encoder alone", encoded), ("an assessment", scored)):
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(f"{name}: p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms for {len(times)} readings")
    ratio = compute_ratio(scored, encoded)
    print(f"an assessment / the encoder alone: {ratio}")
    return [] if ratio.median <= MAX_ENCODER_RATIO else [f"an assessment takes {ratio} times the encoder"]


async def measure_minute(provider: OfflineProvider, seed: list[tuple[str, Samples]]) -> list[str]:
    """Compare the time of a minute with that of its short readings, and measure the worker's memory."""
    memory, ratios = Memory(), list[float]()
    for text, voice in seed[:: len(seed) // MINUTES]:
        long_text, minute = to_minute(text, voice)
        single = await time_call(assess(provider, text, voice)) / len(voice)
        seconds = await time_call(watch(memory, assess(provider, long_text, minute)))
        ratios.append(seconds / len(minute) / single)
        print(f"a minute of {len(long_text.split())} words: {seconds:.1f} s")
    print(f"its time per second of audio / that of a reading: {statistics.median(ratios):.2f}")
    print(f"memory of a worker: {memory.rss:.0f} MB, of which up to {memory.shared:.0f} shared")
    broken = [f"a worker uses {memory.rss:.0f} MB"] if memory.rss > MAX_WORKER_MB else []
    if statistics.median(ratios) > MAX_MINUTE_RATIO:
        broken.append(f"a second of a minute takes {statistics.median(ratios):.2f} times that of a reading")
    return broken


async def watch(memory: Memory, call: Awaitable[object]) -> None:
    running = asyncio.ensure_future(call)
    while not (await asyncio.wait({running}, timeout=0.05))[0]:
        memory.update()
    await running


async def compare_workers(seed: list[tuple[str, Samples]]) -> list[str]:
    gains = list[float]()
    async with start_provider(1) as one, start_provider(2) as two:
        for number in range(ROUNDS):
            readings = seed[number * REPEATS :][:REPEATS]
            alone = await time_call(assess_all(one, readings, clients=1))
            gains.append(alone / await time_call(assess_all(two, readings, clients=2)))
    gain = statistics.median(gains)
    print(f"two workers / one: {gain:.2f} ({min(gains):.2f}-{max(gains):.2f})")
    return [] if gain >= MIN_GAIN else [f"two workers do {gain:.2f} times the work of one"]


async def assess_all(provider: OfflineProvider, readings: list[tuple[str, Samples]], *, clients: int) -> None:
    waiting = iter(readings)

    async def assess_next() -> None:
        for text, voice in waiting:
            await assess(provider, text, voice)

    await asyncio.gather(*(assess_next() for _ in range(clients)))


async def main() -> int:
    seed = read_short(read_seed(VOICES))
    async with start_provider(1) as provider:
        await compare_with_encoder(provider, seed[:WARM_UP])
        print("after the warm-up:")
        broken = await compare_with_encoder(provider, seed)
        broken += await measure_minute(provider, seed)
    return report_bounds(broken + await compare_workers(seed))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
