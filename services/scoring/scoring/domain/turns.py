"""Schedules jobs fairly between learners, and rejects those that would finish too late."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

MIN_REMAINING_SHARE = 0.2
"""A job that exceeds its estimate is expected to need this share of its elapsed time in addition."""
MIN_REMAINING_SECONDS = 0.01


@dataclass(frozen=True)
class Ticket:
    """A request's learner and deadline, by the event loop's clock."""

    learner_id: UUID
    deadline: float


@dataclass(eq=False)
class Job:
    """Work for a ticket, with an estimate of its time."""

    ticket: Ticket
    seconds: float
    turn: float = 0.0
    started_at: float | None = None

    def find_end(self, now: float) -> float:
        started_at = now if self.started_at is None else self.started_at
        remaining = max(MIN_REMAINING_SHARE * (now - started_at), MIN_REMAINING_SECONDS)
        return max(started_at + self.seconds, now + remaining)


class TurnOrder:
    """Schedules learners by the time they have used (start-time fair queueing, Goyal et al. 1996).

    Turns are points in virtual time, which advances as jobs start. A learner's next turn is now, or after the
    learner's earlier jobs.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._next_turns = dict[UUID, float]()

    def find_turn(self, learner_id: UUID) -> float:
        return max(self._next_turns.get(learner_id, 0.0), self._now)

    def join(self, job: Job) -> None:
        job.turn = self.find_turn(job.ticket.learner_id)
        self._next_turns[job.ticket.learner_id] = job.turn + job.seconds

    def start_job(self, job: Job) -> None:
        self._now = max(self._now, job.turn)
        self._next_turns = {
            learner: next_turn for learner, next_turn in self._next_turns.items() if next_turn > self._now
        }

    def refund(self, job: Job) -> None:
        """Refund the time of a job that has not started."""
        if job.ticket.learner_id in self._next_turns:
            self._next_turns[job.ticket.learner_id] -= job.seconds


class Refusal(NamedTuple):
    job: Job
    retry_after_seconds: float


@dataclass
class Plan:
    """The jobs to start now, those that keep waiting (by turn), and those that would finish too late."""

    starting: list[Job] = field(default_factory=list)
    waiting: list[Job] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def plan_turns(
    waiting: Iterable[Job], running: Sequence[Job], *, now: float, concurrency: int, max_waiting: int
) -> Plan:
    """Start jobs by turn, as many as there are free slots."""
    slots = _Slots(running, now=now, concurrency=concurrency)
    plan, next_end = Plan(), slots.next_free
    for job in sorted(waiting, key=lambda job: job.turn):
        start = slots.find_start(job)
        late = start + job.seconds - job.ticket.deadline
        if start <= now:
            # Regardless of its estimate: one that is too high would refuse all jobs and never be corrected.
            plan.starting.append(job)
        elif late > 0 or len(plan.waiting) >= max_waiting:
            plan.refused.append(Refusal(job, late if late > 0 else next_end - now))
            continue
        else:
            plan.waiting.append(job)
        slots.occupy(job, start)
    return plan


class _Slots:
    """The times at which slots become free. A learner never gets the last of several slots."""

    def __init__(self, running: Sequence[Job], *, now: float, concurrency: int) -> None:
        self._share = max(concurrency - 1, 1)
        self._free_at = [now] * (concurrency - len(running))
        self._ends = defaultdict[UUID, list[float]](list)
        for job in running:
            insort(self._free_at, job.find_end(now))
            insort(self._ends[job.ticket.learner_id], job.find_end(now))
        # A job that ends before its slot is free counts twice.
        del self._free_at[:-concurrency]

    @property
    def next_free(self) -> float:
        return self._free_at[0]

    def find_start(self, job: Job) -> float:
        learner_ends = self._ends[job.ticket.learner_id]
        return (
            self.next_free
            if len(learner_ends) < self._share
            else max(self.next_free, learner_ends[-self._share])
        )

    def occupy(self, job: Job, start: float) -> None:
        # The slot that becomes free last but in time: other jobs may need the earlier ones.
        del self._free_at[bisect_right(self._free_at, start) - 1]
        end = job.find_end(start)
        insort(self._free_at, end)
        insort(self._ends[job.ticket.learner_id], end)
