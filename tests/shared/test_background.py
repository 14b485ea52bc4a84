import asyncio

import pytest
from shared.background import Loop, run_loops
from shared.errors import Unavailable
from structlog.testing import capture_logs

from shared import background


class Work:
    """Raises the given failures first, then counts its passes."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures, self.passes = list(failures), 0
        self.succeeded = asyncio.Event()

    async def __call__(self) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        self.passes += 1
        self.succeeded.set()
        return False


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MIN_RETRY_SECONDS", 0.001)


async def test_a_loop_repeats_its_work() -> None:
    work = Work()
    async with run_loops(Loop(name="demo", work=work, interval_seconds=0.001)):
        async with asyncio.timeout(5):
            while work.passes < 3:  # noqa: ASYNC110 - an event would mark only the first
                await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("failure", "event"),
    [
        (Unavailable("It is down."), "demo_retrying"),
        (ValueError("a bug"), "demo_failed"),
        (asyncio.CancelledError(), "demo_failed"),
    ],
)
async def test_no_failure_ends_a_loop(failure: BaseException, event: str) -> None:
    work = Work(failure)
    with capture_logs() as logs:
        async with run_loops(Loop(name="demo", work=work, interval_seconds=60.0)), asyncio.timeout(5):
            await work.succeeded.wait()
    assert [each["event"] for each in logs] == [event]


async def test_the_pause_between_retries_doubles_up_to_its_limit() -> None:
    work = Work(*[Unavailable("It is down.")] * 5)
    with capture_logs() as logs:
        loop = Loop(name="demo", work=work, interval_seconds=60.0, max_retry_seconds=0.004)
        async with run_loops(loop), asyncio.timeout(5):
            await work.succeeded.wait()
    assert [each["seconds"] for each in logs] == [0.001, 0.002, 0.004, 0.004, 0.004]


async def test_work_that_has_more_is_repeated_at_once() -> None:
    passes = 0

    async def work() -> bool:
        nonlocal passes
        passes += 1
        return passes < 3

    async with run_loops(Loop(name="demo", work=work, interval_seconds=60.0)), asyncio.timeout(5):
        while passes < 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)


async def test_without_an_interval_a_loop_ends_after_its_first_success() -> None:
    work = Work(Unavailable("It is down."))
    async with run_loops(Loop(name="demo", work=work, interval_seconds=None)), asyncio.timeout(5):
        await work.succeeded.wait()
        await asyncio.sleep(0.05)
    assert work.passes == 1


async def test_a_pass_in_progress_may_finish_when_its_loop_is_stopped() -> None:
    started, finished = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.sleep(0.1)
        finished.set()

    async with run_loops(Loop(name="demo", work=work, interval_seconds=60.0)):
        await started.wait()
    assert finished.is_set()


async def test_a_pass_that_hangs_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "STOP_TIMEOUT_SECONDS", 0.05)
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.sleep(60)

    async with asyncio.timeout(5):
        async with run_loops(Loop(name="demo", work=work, interval_seconds=60.0)):
            await started.wait()
