"""The same bytes get the same scores, in any order and in any worker."""

import asyncio
import csv
import random
from pathlib import Path

import pytest
from scoring.audio.decoder import decode_recording
from scoring.audio.recording import Recording
from scoring.domain.scores import ScoringResult
from scoring.providers.offline.engine import Engine
from scoring.providers.offline.provider import PROCESS, OfflineProvider
from shared.confined.pool import WorkerPool
from tests.waiting import wait_until

SEED = Path(__file__).parents[5] / "deploy" / "seed"
COUNT = 50

type Reading = tuple[Recording, str]


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    with (SEED / "speeches.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    selected = random.Random(1).sample(rows, COUNT)  # noqa: S311 - no secret
    files = [(SEED / "audio" / row["audio_filename"]).read_bytes() for row in selected]
    return [
        (decode_recording(memoryview(audio)), row["text"]) for audio, row in zip(files, selected, strict=True)
    ]


async def test_neither_the_order_nor_the_worker_matters(engine: Engine, readings: list[Reading]) -> None:
    expected = [engine.assess(recording, text) for recording, text in readings]
    shuffled = random.Random(2).sample(range(COUNT), COUNT)  # noqa: S311 - no secret
    workers = WorkerPool(PROCESS, count=2, timeout_seconds=60, forking=True)
    provider = OfflineProvider(workers)
    free = asyncio.Semaphore(2)

    async def assess(number: int) -> ScoringResult:
        recording, text = readings[number]
        async with free:
            return await provider.assess(recording, text=text, language="en-US")

    await provider.start()
    try:
        await wait_until(lambda: workers.is_ready)
        results = await asyncio.gather(*map(assess, shuffled))
    finally:
        await provider.close()
    assert results == [expected[number] for number in shuffled]
    assert len({result.pronunciation_score for result in results}) > COUNT // 5
