import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from scoring.audio.recording import Recording
from scoring.errors import NotAssessable, ProviderTimeout, ProviderUnavailable, UnpronounceableText
from scoring.providers.offline.provider import PROCESS, OfflineProvider
from shared.confined.pool import WorkerPool
from tests.waiting import wait_until

TEXT = "The train leaves at seven in the morning."
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


type StartWorkers = Callable[..., WorkerPool]


@pytest.fixture
async def start_workers() -> AsyncIterator[StartWorkers]:
    pools = list[WorkerPool]()

    def start(count: int, *, timeout_seconds: float = 30) -> WorkerPool:
        pools.append(WorkerPool(PROCESS, count=count, timeout_seconds=timeout_seconds, forking=True))
        pools[-1].start()
        return pools[-1]

    yield start
    for pool in pools:
        await pool.close()


async def assess(workers: WorkerPool, recording: Recording, text: str = TEXT) -> float | None:
    provider = OfflineProvider(workers)
    assessment = await provider.assess(recording, text=text, language="en-US")
    return assessment.pronunciation_score


@pytest.fixture(scope="session")
def long_reading(recording: Recording) -> Recording:
    """Half a minute: some seconds of work."""
    return replace(recording, pcm=memoryview(bytes(recording.pcm) * 12))


async def wait_for_busy_process(workers: WorkerPool) -> int:
    """Wait until the only worker has its request, and return the id of its process."""
    await wait_until(lambda: workers.is_ready and not workers._idle.qsize())
    return next(iter(workers._alive)).process.pid


async def test_scores_are_transferred_completely(one_worker: WorkerPool, recording: Recording) -> None:
    score = await assess(one_worker, recording)
    assert score is not None
    assert score > 85


@pytest.mark.timed
async def test_refusals_are_raised_as_errors(one_worker: WorkerPool, recording: Recording) -> None:
    with pytest.raises(UnpronounceableText):
        await assess(one_worker, recording, "поезд")
    fragment = replace(recording, pcm=recording.pcm[:640])
    with pytest.raises(NotAssessable) as excinfo:
        await assess(one_worker, fragment)
    assert excinfo.value.extra == {"reason": "no_speech"}
    with pytest.raises(NotAssessable) as excinfo:
        await assess(one_worker, recording, "Could you tell me where the museum is?")
    assert excinfo.value.extra == {"reason": "other_text"}


async def test_an_unexpected_error_fails_one_request(one_worker: WorkerPool, recording: Recording) -> None:
    response = await one_worker.run({"no text": 1}, recording.pcm)
    assert response == {"failure": "KeyError"}
    assert await assess(one_worker, recording)


async def test_a_killed_worker_fails_one_request(
    one_worker: WorkerPool, recording: Recording, long_reading: Recording
) -> None:
    request = asyncio.create_task(assess(one_worker, long_reading))
    os.kill(await wait_for_busy_process(one_worker), signal.SIGKILL)
    with pytest.raises(ProviderUnavailable) as excinfo:
        await request
    assert excinfo.value.headers["Retry-After"] == "1"
    assert await assess(one_worker, recording)


async def test_a_worker_that_dies_while_idle_fails_no_request(
    one_worker: WorkerPool, recording: Recording
) -> None:
    assert await assess(one_worker, recording)
    worker = next(iter(one_worker._alive))
    os.kill(worker.process.pid, signal.SIGKILL)
    await worker.process.wait()
    assert await assess(one_worker, recording)


async def test_work_that_takes_too_long_is_ended(
    start_workers: StartWorkers, long_reading: Recording, recording: Recording
) -> None:
    workers = start_workers(1, timeout_seconds=0.5)
    await wait_until(lambda: workers.is_ready)
    slow = next(iter(workers._alive)).process
    with pytest.raises(ProviderTimeout):
        await assess(workers, long_reading)
    assert await slow.wait() == -signal.SIGKILL
    workers._timeout_seconds = 30
    assert await assess(workers, recording)


async def test_without_a_free_worker_no_request_starts(
    one_worker: WorkerPool, long_reading: Recording, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.confined.pool.REPLACEMENT_SECONDS", 0.05)
    await wait_until(lambda: one_worker.is_ready)
    request = asyncio.create_task(assess(one_worker, long_reading))
    await wait_for_busy_process(one_worker)
    with pytest.raises(ProviderUnavailable) as excinfo:
        await assess(one_worker, recording)
    assert int(excinfo.value.headers["Retry-After"]) > 0
    assert await request


@pytest.mark.timed
async def test_waiting_does_not_count_for_a_workers_time_limit(
    start_workers: StartWorkers,
    recording: Recording,
    long_reading: Recording,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The others wait for as long as two long readings take.
    monkeypatch.setattr("shared.confined.pool.REPLACEMENT_SECONDS", 60)
    loop, workers = asyncio.get_running_loop(), start_workers(1)
    assert await assess(workers, recording)
    started = loop.time()
    assert await assess(workers, long_reading)
    workers._timeout_seconds = 2 * (loop.time() - started)
    processes = {worker.process.pid for worker in workers._alive}
    assert all(await asyncio.gather(*(assess(workers, long_reading) for _ in range(3))))
    assert {worker.process.pid for worker in workers._alive} == processes


async def test_waiting_requests_are_refused_when_the_pool_closes(
    start_workers: StartWorkers, recording: Recording
) -> None:
    workers = start_workers(0)
    waiting = [asyncio.create_task(assess(workers, recording)) for _ in range(2)]
    await asyncio.sleep(0.01)
    await workers.close()
    for request in waiting:
        with pytest.raises(ProviderUnavailable):
            await request


async def test_a_client_that_disconnects_releases_its_place(
    one_worker: WorkerPool, long_reading: Recording, recording: Recording
) -> None:
    request = asyncio.create_task(assess(one_worker, long_reading))
    await wait_for_busy_process(one_worker)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await assess(one_worker, recording)


async def test_concurrent_requests_get_separate_responses(
    start_workers: StartWorkers, recording: Recording, wrong_recording: Recording
) -> None:
    workers = start_workers(2)
    scores = await asyncio.gather(*(assess(workers, wav) for wav in (recording, wrong_recording) * 3))
    assert scores == scores[:2] * 3
    assert scores[0] != scores[1]


async def test_closing_ends_the_processes(start_workers: StartWorkers, recording: Recording) -> None:
    workers = start_workers(2)
    await assess(workers, recording)
    processes = [worker.process for worker in workers._alive]
    await workers.close()
    assert processes
    assert all(process.returncode is not None for process in processes)
    assert not workers.is_ready


async def test_starting_a_failed_worker_is_retried(
    start_workers: StartWorkers, monkeypatch: pytest.MonkeyPatch, recording: Recording
) -> None:
    monkeypatch.setattr("shared.confined.pool.RESTART_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("shared.background.MAX_FAILING_SECONDS", 0.05)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    workers = start_workers(1)
    await asyncio.sleep(0.1)
    provider = OfflineProvider(workers)
    with pytest.raises(ProviderUnavailable):
        await provider.ping()
    assert [loop.is_dead for loop in provider.loops] == [True]
    monkeypatch.undo()
    assert await assess(workers, recording)
    await provider.ping()
    assert [loop.is_dead for loop in provider.loops] == [False]


@on_linux
async def test_a_worker_has_no_secrets(
    start_workers: StartWorkers, monkeypatch: pytest.MonkeyPatch, recording: Recording
) -> None:
    monkeypatch.setenv("RECEIPT_SIGNING_KEYS_FILE", "/keys/receipts.json")
    workers = start_workers(1)
    await assess(workers, recording)
    pid = next(iter(workers._alive)).process.pid
    base_settings = Path(f"/proc/{pid}/environ").read_bytes()  # noqa: ASYNC240 - /proc does not block
    await workers.close()
    assert b"PATH=" in base_settings
    assert b"RECEIPT" not in base_settings


@on_linux
async def test_a_worker_writes_to_no_disk(
    one_worker: WorkerPool, long_reading: Recording, recording: Recording
) -> None:
    await assess(one_worker, recording)
    proc = Path(f"/proc/{next(iter(one_worker._alive)).process.pid}")
    before = (proc / "io").read_text().split()
    await assess(one_worker, long_reading, f"{TEXT} {TEXT}")
    after = (proc / "io").read_text().split()
    written_bytes = before.index("write_bytes:") + 1
    assert after[written_bytes] == before[written_bytes]
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()}
    assert limits["Max file size"] == ["0", "0"]
    # 0 is a limit that was inherited and cannot be raised to 1.
    assert limits["Max core file size"] in (["1", "1"], ["0", "0"])
    assert limits["Max data size"] == [str(1 << 30)] * 2
    open_files = [os.readlink(fd) for fd in (proc / "fd").iterdir() if int(fd.name) > 2]
    assert all(target.startswith("socket:") for target in open_files)


@on_linux
async def test_the_process_that_is_forked_has_one_thread_and_no_files(
    one_worker: WorkerPool, recording: Recording
) -> None:
    await assess(one_worker, recording)
    for process in psutil.Process().children(recursive=True):
        if "scoring.providers.offline.process" in process.cmdline():
            assert process.num_threads() == 1
            assert process.open_files() == []
