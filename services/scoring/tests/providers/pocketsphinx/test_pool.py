import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.errors import NotAssessable, ProviderTimeout, ProviderUnavailable, UnsupportedAudio
from scoring.providers.pocketsphinx.provider import PROCESS, PocketsphinxProvider
from shared.confined.pool import WorkerPool

TEXT = "The train leaves at seven in the morning."
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


async def assess(workers: WorkerPool, audio: bytes, text: str = TEXT) -> float | None:
    provider = PocketsphinxProvider(workers)
    assessment = await provider.assess(memoryview(audio), text=text, language="en-US")
    return assessment.pronunciation_score


@pytest.fixture(scope="session")
def long_reading(voice: NDArray[np.float32], encode: Callable[..., bytes]) -> bytes:
    """Half a minute: some seconds of work."""
    return encode(np.tile(voice, 12))


async def busy_process(workers: WorkerPool) -> int:
    """The process of the only worker, once it has taken its request."""
    while not workers.is_ready or workers._idle.qsize():  # noqa: ASYNC110 - another process's work
        await asyncio.sleep(0.01)
    return next(iter(workers._alive)).process.pid


async def test_scores_come_back_whole(one_worker: WorkerPool, reading: bytes) -> None:
    score = await assess(one_worker, reading)
    assert score is not None
    assert score > 85


async def test_refusals_come_back_as_errors(one_worker: WorkerPool, encode: Callable[..., bytes]) -> None:
    with pytest.raises(UnsupportedAudio):
        await assess(one_worker, b"This is no recording.")
    with pytest.raises(NotAssessable) as caught:
        await assess(one_worker, encode(np.zeros(32_000, np.float32)))
    assert caught.value.extra == {"reason": "no_speech"}


async def test_an_unforeseen_error_costs_one_request(one_worker: WorkerPool, reading: bytes) -> None:
    answer = await one_worker.run({"no words": 1}, memoryview(reading))
    assert answer == {"failure": "KeyError"}
    assert await assess(one_worker, reading)


async def test_a_killed_worker_costs_one_request(
    one_worker: WorkerPool, reading: bytes, long_reading: bytes
) -> None:
    request = asyncio.create_task(assess(one_worker, long_reading))
    os.kill(await busy_process(one_worker), signal.SIGKILL)
    with pytest.raises(ProviderUnavailable) as caught:
        await request
    assert caught.value.headers["Retry-After"] == "1"
    assert await assess(one_worker, reading)


async def test_a_worker_that_dies_idle_costs_nothing(one_worker: WorkerPool, reading: bytes) -> None:
    assert await assess(one_worker, reading)
    worker = next(iter(one_worker._alive))
    os.kill(worker.process.pid, signal.SIGKILL)
    await worker.process.wait()
    assert await assess(one_worker, reading)


async def test_what_takes_too_long_is_ended(long_reading: bytes, reading: bytes) -> None:
    workers = WorkerPool(PROCESS, count=1, queue_size=0, timeout_seconds=0.5)
    workers.start()
    while not workers.is_ready:  # noqa: ASYNC110 - another process's work
        await asyncio.sleep(0.01)
    slow = next(iter(workers._alive)).process
    with pytest.raises(ProviderTimeout):
        await assess(workers, long_reading)
    assert await slow.wait() == -signal.SIGKILL
    workers._timeout_seconds = 30
    assert await assess(workers, reading)
    await workers.close()


async def test_a_full_queue_refuses(one_worker: WorkerPool, long_reading: bytes, reading: bytes) -> None:
    request = asyncio.create_task(assess(one_worker, long_reading))
    await busy_process(one_worker)
    with pytest.raises(ProviderUnavailable) as caught:
        await assess(one_worker, reading)
    assert int(caught.value.headers["Retry-After"]) > 0
    assert await request


async def test_a_client_that_leaves_frees_its_place(
    one_worker: WorkerPool, long_reading: bytes, reading: bytes
) -> None:
    request = asyncio.create_task(assess(one_worker, long_reading))
    await busy_process(one_worker)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await assess(one_worker, reading)


async def test_several_at_once_get_their_own_answers(reading: bytes, wrong_word: bytes) -> None:
    workers = WorkerPool(PROCESS, count=2, queue_size=8, timeout_seconds=30)
    workers.start()
    scores = await asyncio.gather(*(assess(workers, audio) for audio in (reading, wrong_word) * 3))
    assert scores == scores[:2] * 3
    assert scores[0] != scores[1]
    await workers.close()


async def test_closing_ends_the_processes(reading: bytes) -> None:
    workers = WorkerPool(PROCESS, count=2, queue_size=0, timeout_seconds=30)
    workers.start()
    await assess(workers, reading)
    processes = [worker.process for worker in workers._alive]
    await workers.close()
    assert processes
    assert all(process.returncode is not None for process in processes)
    assert not workers.is_ready


async def test_a_worker_that_cannot_start_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, reading: bytes
) -> None:
    monkeypatch.setattr("shared.confined.pool.RESTART_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("shared.background.MAX_FAILING_SECONDS", 0.05)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    workers = WorkerPool(PROCESS, count=1, queue_size=0, timeout_seconds=30)
    workers.start()
    await asyncio.sleep(0.1)
    provider = PocketsphinxProvider(workers)
    with pytest.raises(ProviderUnavailable):
        await provider.ping()
    assert [loop.is_dead for loop in provider.loops] == [True]
    monkeypatch.undo()
    assert await assess(workers, reading)
    await provider.ping()
    assert [loop.is_dead for loop in provider.loops] == [False]
    await workers.close()


@on_linux
async def test_a_worker_knows_no_secrets(monkeypatch: pytest.MonkeyPatch, reading: bytes) -> None:
    monkeypatch.setenv("RECEIPT_SIGNING_KEYS_FILE", "/keys/receipts.json")
    workers = WorkerPool(PROCESS, count=1, queue_size=0, timeout_seconds=30)
    workers.start()
    await assess(workers, reading)
    pid = next(iter(workers._alive)).process.pid
    base_settings = Path(f"/proc/{pid}/environ").read_bytes()  # noqa: ASYNC240 - /proc does not block
    await workers.close()
    assert b"PATH=" in base_settings
    assert b"RECEIPT" not in base_settings


@on_linux
async def test_a_worker_writes_to_no_disk(
    one_worker: WorkerPool, long_reading: bytes, reading: bytes
) -> None:
    await assess(one_worker, reading)
    proc = Path(f"/proc/{next(iter(one_worker._alive)).process.pid}")
    before = (proc / "io").read_text().split()
    await assess(one_worker, long_reading, f"{TEXT} {TEXT} Zyzzyva.")
    after = (proc / "io").read_text().split()
    written = before.index("write_bytes:") + 1
    assert after[written] == before[written]
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()}
    assert limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
    assert limits["Max data size"] == [str(1 << 30)] * 2
    open_files = [os.readlink(fd) for fd in (proc / "fd").iterdir() if int(fd.name) > 2]
    assert all(target.startswith("socket:") for target in open_files)
