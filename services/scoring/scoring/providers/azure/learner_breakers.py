from dataclasses import dataclass
from uuid import UUID

from scoring.providers.azure.breaker import Breaker, BreakerOpen, BreakerState, Permit
from scoring.providers.azure.service_breaker import MAX_LEARNERS, ServiceBreaker


@dataclass(frozen=True)
class LearnerPermit:
    learner_id: UUID
    breaker: Breaker
    learner_permit: Permit
    service_permit: Permit


class LearnerBreakers:
    """The breaker of a service, and one for each learner whose last recording failed."""

    def __init__(self, service: ServiceBreaker) -> None:
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
        self._service.record_success(permit.service_permit, permit.learner_id)
        self._learners.pop(permit.learner_id, None)

    def record_failure(self, permit: LearnerPermit, *, is_outage: bool) -> None:
        """Count a failure. No recording can cause an outage."""
        self._service.record_failure(permit.service_permit, permit.learner_id, is_outage=is_outage)
        permit.breaker.record_failure(permit.learner_permit)
        self._learners[permit.learner_id] = permit.breaker
        if len(self._learners) > MAX_LEARNERS:
            del self._learners[next(iter(self._learners))]

    def release(self, permit: LearnerPermit) -> None:
        self._service.release(permit.service_permit)
        permit.breaker.release(permit.learner_permit)
