"""Stops the calls to a service that keeps failing, for one learner or for all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

MAX_FAILURES = 5
RESET_SECONDS = 15.0
LEARNER_RESET_FACTOR = 2
"""A learner whose recordings fail waits longer, so that another learner's recording probes the service."""
MAX_LEARNERS = 10_000
"""The number of learners whose failures are stored."""

type BreakerState = Literal["closed", "open", "half_open"]


class BreakerOpen(Exception):
    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"The breaker is open for {retry_after_seconds:.0f} s.")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Permit:
    """Permission to call the service. Permits of an earlier state have no effect."""

    epoch: int
    is_probe: bool
    learner_id: UUID | None = None


class Breaker:
    """Opens after consecutive failures. When its time is over, a single request probes the service."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        max_failures: int = MAX_FAILURES,
        reset_seconds: float = RESET_SECONDS,
    ) -> None:
        self._clock, self._max_failures, self._reset_seconds = clock, max_failures, reset_seconds
        self._failures, self._epoch = list[UUID | None](), 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return "closed"
        return "open" if self.open_seconds > 0 else "half_open"

    @property
    def open_seconds(self) -> float:
        """Return the remaining open time."""
        if self._opened_at is None:
            return 0.0
        return max(self._opened_at + self._reset_seconds - self._clock(), 0.0)

    def admit(self, learner_id: UUID | None = None) -> Permit:
        """Return a permit. Raises BreakerOpen while the breaker is open, or while a probe is running.

        Only some of a learner's consecutive failures count, so that no single learner can open the breaker.
        """
        if self.state == "closed":
            return Permit(self._epoch, is_probe=False, learner_id=learner_id)
        if self.state == "open" or self._probing:
            raise BreakerOpen(self.open_seconds)
        self._probing = True
        return Permit(self._epoch, is_probe=True, learner_id=learner_id)

    def record_success(self, permit: Permit) -> None:
        if permit.epoch != self._epoch:
            return
        self._failures = []
        if permit.is_probe:
            self._change(opened_at=None)

    def record_failure(self, permit: Permit) -> None:
        if permit.epoch != self._epoch:
            return
        learner_id, limit = permit.learner_id, max(1, self._max_failures // 2)
        if learner_id is None or self._failures.count(learner_id) < limit:
            self._failures.append(learner_id)
        if permit.is_probe or len(self._failures) >= self._max_failures:
            self._change(opened_at=self._clock())

    def release(self, permit: Permit) -> None:
        """Return a permit whose call says nothing about the service."""
        if permit.is_probe and permit.epoch == self._epoch:
            self._probing = False

    def _change(self, *, opened_at: float | None) -> None:
        self._opened_at, self._failures, self._probing = opened_at, [], False
        self._epoch += 1

    def create_for_learner(self) -> "Breaker":
        """Create a closed breaker that counts only one learner's failures."""
        reset_seconds = LEARNER_RESET_FACTOR * self._reset_seconds
        return Breaker(self._clock, max_failures=self._max_failures, reset_seconds=reset_seconds)


@dataclass(frozen=True)
class LearnerPermit:
    learner_id: UUID
    breaker: Breaker
    learner_permit: Permit
    service_permit: Permit


class LearnerBreakers:
    """The breaker of a service, and one for each learner whose last recording failed."""

    def __init__(self, service: Breaker) -> None:
        self._service = service
        self._learners: dict[UUID, Breaker] = {}

    @property
    def state(self) -> BreakerState:
        return self._service.state

    def admit(self, learner_id: UUID) -> LearnerPermit:
        """Raise BreakerOpen if the learner's breaker or the service's is open."""
        breaker = self._learners.get(learner_id) or self._service.create_for_learner()
        learner_permit = breaker.admit()
        try:
            service_permit = self._service.admit(learner_id)
        except BreakerOpen:
            breaker.release(learner_permit)
            raise
        return LearnerPermit(learner_id, breaker, learner_permit, service_permit)

    def record_success(self, permit: LearnerPermit) -> None:
        self._service.record_success(permit.service_permit)
        self._learners.pop(permit.learner_id, None)

    def record_failure(self, permit: LearnerPermit) -> None:
        self._service.record_failure(permit.service_permit)
        permit.breaker.record_failure(permit.learner_permit)
        self._learners[permit.learner_id] = permit.breaker
        if len(self._learners) > MAX_LEARNERS:
            del self._learners[next(iter(self._learners))]

    def release(self, permit: LearnerPermit) -> None:
        self._service.release(permit.service_permit)
        permit.breaker.release(permit.learner_permit)
