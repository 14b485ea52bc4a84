import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from prometheus_client import Counter, Gauge

from scoring.domain.durations import DurationEstimator
from scoring.domain.turns import Job, Plan, Ticket, TurnOrder, plan_turns
from scoring.errors import QueueFull

WAITING = Gauge("scoring_queue_waiting", "Recordings waiting in the queue.", ["queue"])
IN_WORK = Gauge("scoring_queue_in_work", "Recordings being processed.", ["queue"])
REFUSED = Counter(
    "scoring_queue_refused_total", "Recordings refused because they would finish too late.", ["queue"]
)


class FairQueue:
    """A queue that is fair to all learners, and immediately refuses work that could not finish in time.

    `name` labels the metrics. Sizes are those of the estimator.
    """

    def __init__(
        self, name: str, estimator: DurationEstimator, *, concurrency: int, max_waiting: int
    ) -> None:
        self._name, self._estimator = name, estimator
        self._concurrency, self._max_waiting = concurrency, max_waiting
        self._order, self._in_work = TurnOrder(), set[Job]()
        self._expected = dict[Ticket, Job]()
        self._turns = dict[Job, asyncio.Future[QueueFull | None]]()

    def ensure_capacity(self, ticket: Ticket) -> float:
        """Return the latest time at which typical work can start. Raises QueueFull if it is too late."""
        job = self._expected.get(ticket) or self._create_typical_job(ticket)
        jobs = dict.fromkeys((*self._turns, *self._expected.values(), job))
        for refused, retry_after_seconds in self._plan(jobs).refused:
            if refused is job:
                raise self._refuse(retry_after_seconds)
        return ticket.deadline - job.seconds

    @contextmanager
    def expect(self, ticket: Ticket) -> Iterator[None]:
        """Count typical work as waiting until it requests its turn, so that no other work takes its place."""
        self._expected[ticket] = self._create_typical_job(ticket)
        try:
            yield
        finally:
            self._expected.pop(ticket, None)

    @asynccontextmanager
    async def take_turn(self, ticket: Ticket, sizes: Sequence[float]) -> AsyncIterator[None]:
        """Wait for a turn, which lasts for the block. Raises QueueFull."""
        job = Job(ticket, self._estimator.estimate(sizes))
        await self._wait(job)
        started_at, is_done = _get_time(), False
        try:
            yield
            is_done = True
        finally:
            seconds = _get_time() - started_at
            # Failed work corrects the estimate only if it took longer.
            if is_done or seconds > job.seconds:
                self._estimator.update(sizes, seconds)
            self._remove(job)

    def occupy_slot(self, ticket: Ticket, *, until: asyncio.Future[None]) -> None:
        """Keep a slot occupied after its turn, until the future is done."""
        if not until.done():
            job = Job(ticket, 0.0, started_at=_get_time())
            self._in_work.add(job)
            until.add_done_callback(lambda _: self._remove(job))

    def _create_typical_job(self, ticket: Ticket) -> Job:
        turn = self._order.find_turn(ticket.learner_id)
        return Job(ticket, self._estimator.typical_seconds, turn)

    async def _wait(self, job: Job) -> None:
        self._expected.pop(job.ticket, None)
        self._order.join(job)
        turn = self._turns[job] = asyncio.get_running_loop().create_future()
        self._advance()
        try:
            # Work that starts later could not finish in time.
            async with asyncio.timeout_at(max(job.ticket.deadline - job.seconds, _get_time())):
                refusal = await turn
        except BaseException as error:
            self._remove(job)
            if isinstance(error, TimeoutError):
                raise self._refuse(job.seconds) from None
            raise
        if refusal is not None:
            raise refusal

    def _advance(self) -> None:
        plan = self._plan(self._turns)
        for job, retry_after_seconds in plan.refused:
            self._order.refund(job)
            _resolve(self._turns.pop(job), self._refuse(retry_after_seconds))
        for job in plan.starting:
            self._order.start_job(job)
            job.started_at = _get_time()
            self._in_work.add(job)
            _resolve(self._turns.pop(job), None)
        WAITING.labels(self._name).set(len(self._turns))
        IN_WORK.labels(self._name).set(len(self._in_work))

    def _plan(self, waiting: Iterable[Job]) -> Plan:
        return plan_turns(
            waiting,
            [*self._in_work],
            now=_get_time(),
            concurrency=self._concurrency,
            max_waiting=self._max_waiting,
        )

    def _remove(self, job: Job) -> None:
        if self._turns.pop(job, None) is not None:
            self._order.refund(job)
        self._in_work.discard(job)
        self._advance()

    def _refuse(self, retry_after_seconds: float) -> QueueFull:
        REFUSED.labels(self._name).inc()
        return QueueFull(max(math.ceil(retry_after_seconds), 1))


def _get_time() -> float:
    return asyncio.get_running_loop().time()


def _resolve[R](turn: asyncio.Future[R], result: R) -> None:
    # The request may have been cancelled.
    if not turn.done():
        turn.set_result(result)
