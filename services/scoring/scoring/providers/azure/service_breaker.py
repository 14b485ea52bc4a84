"""Stops all calls to a service that is down. A minority of learners can neither cause nor prevent it."""

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from scoring.providers.azure.breaker import (
    MAX_FAILURES,
    RESET_SECONDS,
    Breaker,
    BreakerOpen,
    BreakerState,
    Permit,
)

LEARNER_RESET_FACTOR = 2
"""A learner whose recordings fail waits longer, so that another learner's recording probes the service."""
ACTIVE_SECONDS = 30.0
"""A learner who has sent no recording for this time is not active."""
MIN_FAILING_LEARNERS = 3
MAX_DRAWN_LEARNERS = 3
MAX_LEARNERS = 10_000
"""The number of learners whose outcomes are stored."""


class ActiveLearners:
    """The learners who lately sent recordings, and those of them whose last outcome was a failure."""

    def __init__(self) -> None:
        self._asked_at, self._failing = OrderedDict[UUID, float](), set[UUID]()

    def note_request(self, learner_id: UUID, now: float) -> None:
        self._asked_at[learner_id] = now
        self._asked_at.move_to_end(learner_id)
        first = next(iter(self._asked_at.values()))
        while first <= now - ACTIVE_SECONDS or len(self._asked_at) > MAX_LEARNERS:
            forgotten, _ = self._asked_at.popitem(last=False)
            self._failing.discard(forgotten)
            first = next(iter(self._asked_at.values()))

    def note_failure(self, learner_id: UUID) -> None:
        if learner_id in self._asked_at:
            self._failing.add(learner_id)

    def note_success(self, learner_id: UUID) -> None:
        self._failing.discard(learner_id)

    def forget_failures(self) -> None:
        self._failing.clear()

    def are_failing(self) -> bool:
        """Return whether the last recording failed for more than half of the learners, and at least three."""
        failing = len(self._failing)
        return failing >= MIN_FAILING_LEARNERS and 2 * failing > len(self._asked_at)

    def draw(self) -> set[UUID]:
        count = min(MAX_DRAWN_LEARNERS, len(self._asked_at))
        return set(random.SystemRandom().sample(list(self._asked_at), count))


@dataclass
class Probes:
    """The recordings that may be sent in a period: one of each learner drawn, and `free` of any learners."""

    period: int = 0
    drawn: set[UUID] = field(default_factory=set)
    free: int = 0

    def take(self, learner_id: UUID) -> bool:
        if learner_id in self.drawn:
            self.drawn.remove(learner_id)
            return True
        self.free, has_place = max(self.free - 1, 0), self.free > 0
        return has_place


class ServiceBreaker:
    """Opens after consecutive outages, or once the recordings of most active learners fail.

    While it is open, four learners may send one recording each in every further period: the first to ask, and
    three drawn at random, whose turn no other learner can take. The first success closes it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        max_failures: int = MAX_FAILURES,
        reset_seconds: float = RESET_SECONDS,
    ) -> None:
        self._clock, self._max_failures, self._reset_seconds = clock, max_failures, reset_seconds
        self._learners, self._probes = ActiveLearners(), Probes()
        self._outages = self._epoch = 0
        self._opened_at: float | None = None

    @property
    def state(self) -> BreakerState:
        """Half-open means that any learner may send a recording."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._find_probes(self._opened_at).free else "open"

    def admit(self, learner_id: UUID) -> Permit:
        """Raise BreakerOpen if the learner may not send a recording now."""
        if self._opened_at is not None:
            self._probes = self._find_probes(self._opened_at)
        self._learners.note_request(learner_id, self._clock())
        if self._opened_at is None:
            return Permit(self._epoch, is_probe=False)
        if not self._probes.take(learner_id):
            raise BreakerOpen(self._find_open_seconds(self._opened_at))
        return Permit(self._epoch, is_probe=True)

    def record_success(self, permit: Permit, learner_id: UUID) -> None:
        if permit.epoch != self._epoch:
            return
        self._outages = 0
        self._learners.note_success(learner_id)
        if permit.is_probe:
            self._change(opened_at=None)

    def record_failure(self, permit: Permit, learner_id: UUID, *, is_outage: bool) -> None:
        """Count a failure. An outage is one that no recording can cause."""
        if permit.epoch != self._epoch or permit.is_probe:
            return
        self._outages += is_outage
        self._learners.note_failure(learner_id)
        if self._outages >= self._max_failures or self._learners.are_failing():
            self._change(opened_at=self._clock())

    def release(self, permit: Permit) -> None:
        """Return a permit whose call says nothing about the service."""
        if permit.is_probe and permit.epoch == self._epoch:
            self._probes.free += 1

    def create_for_learner(self) -> Breaker:
        """Create a closed breaker that counts only one learner's failures."""
        reset_seconds = LEARNER_RESET_FACTOR * self._reset_seconds
        return Breaker(self._clock, max_failures=self._max_failures, reset_seconds=reset_seconds)

    def _find_probes(self, opened_at: float) -> Probes:
        period = int((self._clock() - opened_at) // self._reset_seconds)
        if period == self._probes.period:
            return self._probes
        return Probes(period, self._learners.draw(), free=1)

    def _find_open_seconds(self, opened_at: float) -> float:
        return self._reset_seconds - (self._clock() - opened_at) % self._reset_seconds

    def _change(self, *, opened_at: float | None) -> None:
        self._opened_at, self._outages, self._probes = opened_at, 0, Probes()
        self._epoch += 1
        self._learners.forget_failures()
