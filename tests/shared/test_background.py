import asyncio

import pytest
from shared.background import Loop, run_loops
from shared.errors import Unavailable
from structlog.testing import capture_logs

from shared import background, stopping


class Work:
    """Raise these failures first, then count the passes."""

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
async def test_a_failure_does_not_end_a_loop(failure: BaseException, event: str) -> None:
    work = Work(failure)
    with capture_logs() as logs:
        async with run_loops(Loop(name="demo", work=work, interval_seconds=60.0)), asyncio.timeout(5):
            await work.succeeded.wait()
    assert [entry["event"] for entry in logs] == [event]


async def test_the_pause_between_retries_doubles_up_to_its_limit() -> None:
    work = Work(*[Unavailable("It is down.")] * 5)
    with capture_logs() as logs:
        loop = Loop(name="demo", work=work, interval_seconds=60.0, max_retry_seconds=0.004)
        async with run_loops(loop), asyncio.timeout(5):
            await work.succeeded.wait()
    assert [entry["seconds"] for entry in logs] == [0.001, 0.002, 0.004, 0.004, 0.004]


async def test_a_pass_that_reports_more_work_is_repeated_immediately() -> None:
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


async def test_a_pass_that_hangs_is_cancelled_when_its_loop_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopping, "MAX_LAST_PASS_SECONDS", 0.05)
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.sleep(60)

    async with asyncio.timeout(5):
        async with run_loops(Loop(name="demo", work=work, interval_seconds=60.0)):
            await started.wait()


async def test_a_cancellation_of_a_dependency_does_not_end_a_loop() -> None:
    work = Work()

    async def cancel() -> bool:
        if not work.passes:
            work.passes += 1
            if (task := asyncio.current_task()) is not None:
                task.cancel()
            await asyncio.sleep(0)
        return await work()

    async with run_loops(Loop(name="demo", work=cancel, interval_seconds=60.0)), asyncio.timeout(5):
        await work.succeeded.wait()


async def test_a_log_that_cannot_be_written_does_not_end_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_closed(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(background.log, "exception", raise_closed)
    work = Work(ValueError("a bug"))
    async with run_loops(Loop(name="demo", work=work, interval_seconds=60.0)), asyncio.timeout(5):
        await work.succeeded.wait()


async def test_a_wake_up_ends_the_pause_between_passes() -> None:
    work = Work()
    loop = Loop(name="demo", work=work, interval_seconds=60.0)
    async with run_loops(loop), asyncio.timeout(5):
        await work.succeeded.wait()
        work.succeeded.clear()
        loop.wake_up.set()
        await work.succeeded.wait()


async def test_a_wake_up_does_not_shorten_the_pause_between_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MIN_RETRY_SECONDS", 60.0)
    work = Work(Unavailable("It is down."))
    loop = Loop(name="demo", work=work, interval_seconds=60.0, max_retry_seconds=60.0)
    async with run_loops(loop):
        await asyncio.sleep(0.01)
        loop.wake_up.set()
        await asyncio.sleep(0.05)
        assert not work.passes


@pytest.mark.parametrize(("failure", "is_dead"), [(ValueError("a bug"), True), (Unavailable("Down."), False)])
async def test_a_loop_is_dead_when_it_keeps_failing_without_an_outage(
    failure: Exception, is_dead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "MAX_FAILING_SECONDS", 0.02)
    work = Work(*[failure] * 1000)
    loop = Loop(name="demo", work=work, interval_seconds=60.0, max_retry_seconds=0.001)
    async with run_loops(loop) as [supervised], asyncio.timeout(5):
        assert not supervised.is_dead
        await asyncio.sleep(0.1)
        assert supervised.is_dead is is_dead
        work.failures.clear()
        await work.succeeded.wait()
        await asyncio.sleep(0.01)
        assert not supervised.is_dead


async def test_a_loop_is_dead_while_one_pass_hangs() -> None:
    hanging = asyncio.Event()
    loop = Loop(name="demo", work=hanging.wait, interval_seconds=60.0, max_pass_seconds=0.02)
    async with run_loops(loop) as [supervised]:
        await asyncio.sleep(0.1)
        assert supervised.is_dead
        hanging.set()
        await asyncio.sleep(0.01)
        assert not supervised.is_dead
