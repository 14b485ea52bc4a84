import asyncio
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from scoring.admission import FairQueue
from scoring.domain.durations import DurationEstimator
from scoring.domain.turns import Ticket
from scoring.errors import ProviderUnavailable, QueueFull

pytestmark = pytest.mark.timed

ANN, BEN = UUID(int=1), UUID(int=2)


def create_queue(*, concurrency: int = 1, max_waiting: int = 100, seconds: float = 0.0) -> FairQueue:
    """Create a queue for work of one size, its seconds; `seconds` are added to each estimate."""
    estimator = DurationEstimator(seconds=(seconds, 1.0), scales=(1.0,))
    return FairQueue("test", estimator, concurrency=concurrency, max_waiting=max_waiting)


def create_ticket(learner: UUID | None = None, *, seconds: float = 10.0) -> Ticket:
    return Ticket(learner or uuid4(), asyncio.get_running_loop().time() + seconds)


def get_metric(metric: str) -> float:
    return REGISTRY.get_sample_value(metric, {"queue": "test"}) or 0.0


class Work:
    """Takes its turn in a queue, and ends when the test ends it."""

    def __init__(self, queue: FairQueue, ticket: Ticket, seconds: float = 1.0) -> None:
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run(queue, ticket, seconds))

    async def _run(self, queue: FairQueue, ticket: Ticket, seconds: float) -> None:
        async with queue.take_turn(ticket, (seconds,)):
            self.has_begun.set()
            await self.may_end.wait()

    async def end(self) -> None:
        self.may_end.set()
        await self.task

    async def cancel(self) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_turn_starts_when_the_previous_one_ends() -> None:
    queue = create_queue()
    first, second = Work(queue, create_ticket()), Work(queue, create_ticket())
    await settle()
    assert (first.has_begun.is_set(), second.has_begun.is_set()) == (True, False)
    assert (get_metric("scoring_queue_in_work"), get_metric("scoring_queue_waiting")) == (1, 1)
    await first.end()
    await asyncio.wait_for(second.has_begun.wait(), 1)
    await second.end()
    assert (get_metric("scoring_queue_in_work"), get_metric("scoring_queue_waiting")) == (0, 0)


async def test_a_slot_counts_for_its_learner_until_it_is_cleaned_up() -> None:
    queue, freed = create_queue(concurrency=2), asyncio.get_running_loop().create_future()
    queue.occupy_slot(create_ticket(ANN), until=freed)
    ann, ben = Work(queue, create_ticket(ANN)), Work(queue, create_ticket(BEN))
    await settle()
    assert (ann.has_begun.is_set(), ben.has_begun.is_set()) == (False, True)
    freed.set_result(None)
    await settle()
    assert ann.has_begun.is_set()
    queue.occupy_slot(create_ticket(ANN), until=freed)
    for work in (ann, ben):
        await work.end()
    assert get_metric("scoring_queue_in_work") == 0


async def test_a_learner_with_one_recording_precedes_a_learner_with_many() -> None:
    queue = create_queue()
    anns = [Work(queue, create_ticket(ANN)) for _ in range(4)]
    ben = Work(queue, create_ticket(BEN))
    await settle()
    await anns[0].end()
    await settle()
    assert ben.has_begun.is_set()
    assert not any(work.has_begun.is_set() for work in anns[1:])
    for work in (ben, *anns[1:]):
        await work.end()


async def test_work_that_cannot_end_in_time_is_refused_immediately() -> None:
    queue, refused = create_queue(), get_metric("scoring_queue_refused_total")
    work = Work(queue, create_ticket(), 8)
    await settle()
    started = asyncio.get_running_loop().time()
    with pytest.raises(ProviderUnavailable) as excinfo:
        async with queue.take_turn(create_ticket(), (5.0,)):
            pass
    assert asyncio.get_running_loop().time() - started < 0.1
    # 13 s in all, of which it has 10.
    assert excinfo.value.headers["Retry-After"] == "3"
    assert get_metric("scoring_queue_refused_total") == refused + 1
    await work.end()


async def test_work_that_waits_is_refused_once_it_cannot_end_in_time() -> None:
    queue = create_queue()
    hanging = Work(queue, create_ticket(), 0.1)
    await settle()
    started = asyncio.get_running_loop().time()
    with pytest.raises(QueueFull):
        async with queue.take_turn(create_ticket(seconds=0.5), (0.2,)):
            pass
    assert 0.25 < asyncio.get_running_loop().time() - started < 0.49
    await hanging.end()
    async with queue.take_turn(create_ticket(), (0.2,)):
        pass


async def test_learners_with_less_work_precede_waiting_work() -> None:
    queue = create_queue()
    jobs = [Work(queue, create_ticket(ANN), 4), Work(queue, create_ticket(ANN), 4)]
    await settle()
    jobs.append(Work(queue, create_ticket(BEN), 4))
    await settle()
    with pytest.raises(QueueFull):
        await jobs[1].task
    await jobs[0].end()
    await jobs[2].end()


async def test_work_starts_immediately_in_a_free_slot_regardless_of_its_estimate() -> None:
    queue = create_queue(max_waiting=0, seconds=99)
    assert queue.ensure_capacity(create_ticket()) < asyncio.get_running_loop().time()
    async with queue.take_turn(create_ticket(seconds=-1), (5.0,)):
        assert get_metric("scoring_queue_in_work") == 1


async def test_an_estimate_that_was_too_high_is_corrected() -> None:
    queue = create_queue(seconds=60)
    for _ in range(20):
        async with queue.take_turn(create_ticket(), (0.0,)):
            pass
    work = Work(queue, create_ticket(), 0)
    await settle()
    assert queue.ensure_capacity(create_ticket()) > asyncio.get_running_loop().time() + 9
    await work.end()


async def test_without_a_queue_only_free_slots_are_assigned() -> None:
    queue = create_queue(concurrency=2, max_waiting=0)
    jobs = [Work(queue, create_ticket()) for _ in range(2)]
    await settle()
    with pytest.raises(QueueFull) as excinfo:
        async with queue.take_turn(create_ticket(), (1.0,)):
            pass
    assert excinfo.value.headers["Retry-After"] == "1"
    for work in jobs:
        await work.end()


async def test_the_queue_accepts_typical_work_that_would_end_in_time() -> None:
    queue = create_queue(seconds=4)
    now = asyncio.get_running_loop().time()
    assert queue.ensure_capacity(Ticket(ANN, now + 10)) == pytest.approx(now + 6)
    jobs = [Work(queue, create_ticket(), 0)]
    await settle()
    queue.ensure_capacity(create_ticket())
    jobs.append(Work(queue, create_ticket(), 0))
    await settle()
    with pytest.raises(QueueFull):
        queue.ensure_capacity(create_ticket())
    assert get_metric("scoring_queue_waiting") == 1
    for work in jobs:
        await work.end()


async def test_work_in_preparation_reserves_its_place() -> None:
    queue, ticket = create_queue(seconds=4), create_ticket(ANN)
    first = Work(queue, create_ticket(), 0)
    await settle()
    with queue.expect(ticket):
        queue.ensure_capacity(ticket)
        with pytest.raises(QueueFull):
            queue.ensure_capacity(create_ticket())
        second = Work(queue, ticket, 0)
        await settle()
        await second.cancel()
        queue.ensure_capacity(create_ticket())
    await first.end()


async def test_work_cancelled_in_preparation_releases_its_place() -> None:
    queue = create_queue(seconds=4)
    work = Work(queue, create_ticket(), 0)
    await settle()
    with pytest.raises(ZeroDivisionError), queue.expect(create_ticket()):
        raise ZeroDivisionError
    queue.ensure_capacity(create_ticket())
    await work.end()


async def test_cancelling_waiting_work_frees_its_place() -> None:
    queue = create_queue(max_waiting=1)
    first, second = Work(queue, create_ticket()), Work(queue, create_ticket())
    await settle()
    await second.cancel()
    third = Work(queue, create_ticket())
    await settle()
    await first.end()
    await third.end()


async def test_cancelling_running_work_frees_the_slot() -> None:
    queue = create_queue()
    first, second = Work(queue, create_ticket()), Work(queue, create_ticket())
    await settle()
    await first.cancel()
    await settle()
    assert second.has_begun.is_set()
    await second.end()


async def test_work_cancelled_at_its_turn_releases_the_turn() -> None:
    queue = create_queue()
    first, second, third = (Work(queue, create_ticket()) for _ in range(3))
    await settle()
    first.may_end.set()
    # The second has its turn, but its task has not run yet.
    while not first.task.done():  # noqa: ASYNC110 - one pass of the loop at a time
        await asyncio.sleep(0)
    second.task.cancel()
    await settle()
    assert (second.has_begun.is_set(), third.has_begun.is_set()) == (False, True)
    await third.end()
    assert get_metric("scoring_queue_in_work") == 0


async def test_a_failure_frees_the_slot_and_only_raises_the_estimate() -> None:
    queue = create_queue(seconds=0.5)

    async def fail(after_seconds: float) -> None:
        async with queue.take_turn(create_ticket(), (0.0,)):
            await asyncio.sleep(after_seconds)
            raise ZeroDivisionError

    async def measure_typical() -> float:
        ticket = create_ticket()
        return ticket.deadline - queue.ensure_capacity(ticket)

    with pytest.raises(ZeroDivisionError):
        await fail(0)
    assert await measure_typical() == pytest.approx(0.5)
    with pytest.raises(ZeroDivisionError):
        await fail(0.7)
    assert await measure_typical() == pytest.approx(0.55, rel=0.05)


async def test_a_learner_cannot_take_all_slots() -> None:
    queue = create_queue(concurrency=2)
    anns = [Work(queue, create_ticket(ANN)) for _ in range(3)]
    await settle()
    assert [work.has_begun.is_set() for work in anns] == [True, False, False]
    ben = Work(queue, create_ticket(BEN))
    await settle()
    assert ben.has_begun.is_set()
    for work in (ben, *anns):
        await work.end()


@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_running_work_never_exceeds_the_slots(concurrency: int) -> None:
    queue, running, peak = create_queue(concurrency=concurrency), 0, 0

    async def do_work(number: int) -> None:
        nonlocal running, peak
        await asyncio.sleep(number % 7 / 1000)
        async with queue.take_turn(create_ticket(UUID(int=number % 11)), (0.001,)):
            running += 1
            peak = max(peak, running)
            try:
                await asyncio.sleep(number % 5 / 1000)
            finally:
                running -= 1

    tasks = [asyncio.create_task(do_work(number)) for number in range(150)]
    for number, task in enumerate(tasks):
        if number % 9 == 0:
            asyncio.get_running_loop().call_later(number % 13 / 500, task.cancel)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert peak == concurrency
    assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError, QueueFull}
    assert outcomes.count(None) > 75
    assert (get_metric("scoring_queue_in_work"), get_metric("scoring_queue_waiting")) == (0, 0)
