"""Workers that are forked from one process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shared.confined.pool import WorkerDied, WorkerPool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")

PROGRAM = """
import os, sys, time
from functools import partial
from shared.confined.process import Reply, fork_on_request, serve

LOADED = os.getpid()
MODELS = b"x" * 200_000_000  # so that a worker does not end in the moment that it is killed

def answer(head, body):
    if "exit" in head:
        os._exit(head["exit"])
    time.sleep(head.get("sleep", 0))
    return Reply({"pid": os.getpid(), "loaded_by": LOADED, "size": len(body)})

fork_on_request(int(sys.argv[1]), partial(serve, handle=answer, max_memory_bytes=1 << 30))
"""
BODY = memoryview(bytes(100_000))


@pytest.fixture
async def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkerPool]:
    (tmp_path / "forking_module.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("shared.confined.pool.RESTART_DELAY_SECONDS", 0.01)
    workers = WorkerPool("forking_module", count=2, timeout_seconds=5, forking=True)
    workers.start()
    yield workers
    await workers.close()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def wait_until_ended(pids: set[int]) -> None:
    async with asyncio.timeout(5):
        while any(map(is_running, pids)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.01)


async def ask_both(workers: WorkerPool) -> list[dict[str, int]]:
    first, second = await asyncio.gather(*(workers.run({"sleep": 0.2}, BODY) for _ in range(2)))
    return [first, second]


async def test_workers_are_forked_from_a_process_that_has_loaded_its_code(workers: WorkerPool) -> None:
    first, second = await ask_both(workers)
    assert first["loaded_by"] == second["loaded_by"]
    assert len({first["pid"], second["pid"], first["loaded_by"]}) == 3
    assert first["size"] == len(BODY)


async def test_a_worker_that_ends_is_replaced_and_its_status_reported(workers: WorkerPool) -> None:
    before = await ask_both(workers)
    with pytest.raises(WorkerDied) as excinfo:
        await workers.run({"exit": 7}, BODY)
    assert excinfo.value.status == 7
    after = await ask_both(workers)
    assert len({response["pid"] for response in (*before, *after)}) == 3
    assert {response["loaded_by"] for response in after} == {before[0]["loaded_by"]}


async def test_a_worker_that_hangs_is_killed(workers: WorkerPool) -> None:
    workers._timeout_seconds = 0.3
    with pytest.raises(TimeoutError):
        await workers.run({"sleep": 60}, BODY)
    workers._timeout_seconds = 5
    assert len(await ask_both(workers)) == 2


async def test_no_worker_outlives_the_process_it_was_forked_from(workers: WorkerPool) -> None:
    before = await ask_both(workers)
    os.kill(before[0]["loaded_by"], signal.SIGKILL)
    await wait_until_ended({response["pid"] for response in before})
    after = await ask_both(workers)
    assert after[0]["loaded_by"] != before[0]["loaded_by"]


async def test_requests_fail_immediately_when_the_template_process_has_ended(
    workers: WorkerPool,
) -> None:
    loaded_by = (await ask_both(workers))[0]["loaded_by"]
    requests = [asyncio.create_task(workers.run({"sleep": 60}, BODY)) for _ in range(2)]
    await asyncio.sleep(0.2)
    os.kill(loaded_by, signal.SIGKILL)
    failures = await asyncio.gather(*requests, return_exceptions=True)
    assert [type(failure) for failure in failures] == [WorkerDied, WorkerDied]


async def test_closing_ends_all_processes(workers: WorkerPool) -> None:
    responses = await ask_both(workers)
    await workers.close()
    await wait_until_ended({response[name] for response in responses for name in ("pid", "loaded_by")})


async def test_the_template_can_be_closed_before_it_has_started(workers: WorkerPool) -> None:
    await workers.close()
    assert not workers.is_ready
