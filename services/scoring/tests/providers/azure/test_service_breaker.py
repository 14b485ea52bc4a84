"""Simulations of learners who record, some of them hostile.

Recordings fail after they were sent, so the breaker cannot know whether they or the service are the cause.
"""

import heapq
import random
from uuid import UUID, uuid4

import pytest
from scoring.providers.azure import service_breaker as service_breaker_module
from scoring.providers.azure.breaker import BreakerOpen, BreakerState
from scoring.providers.azure.learner_breakers import LearnerBreakers
from scoring.providers.azure.service_breaker import ServiceBreaker

HOSTILE_PAUSE_SECONDS = 2.0
"""As the limit `score` allows."""
MINORITIES = [(2, 3), (3, 4), (10, 11), (40, 60)]


class Simulation:
    """Honest learners record every 10 to 25 s. Hostile ones leave, or make their recordings fail."""

    def __init__(self, *, hostile: int, honest: int) -> None:
        self.now, self.is_up, self.do_hostile_fail = 0.0, True, False
        self.failures = self.refusals = 0
        """What honest learners saw."""
        self.breakers = LearnerBreakers(ServiceBreaker(lambda: self.now))
        self._random = random.Random(honest)  # noqa: S311 - it is not a secret
        self._hostile = {uuid4() for _ in range(hostile)}
        learners = [*self._hostile, *(uuid4() for _ in range(honest))]
        self._events = [(self._random.uniform(0, 10), learner) for learner in learners]
        heapq.heapify(self._events)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events[0][0] < end:
            self.now, learner = heapq.heappop(self._events)
            if learner in self._hostile:
                self._attack(learner)
                pause = HOSTILE_PAUSE_SECONDS
            else:
                self._record(learner)
                pause = self._random.uniform(10, 25)
            heapq.heappush(self._events, (self.now + pause, learner))
        self.now = end

    def _attack(self, learner: UUID) -> None:
        try:
            permit = self.breakers.admit(learner)
        except BreakerOpen:
            return
        if self.do_hostile_fail:
            self.breakers.record_failure(permit, is_outage=False)
        else:
            self.breakers.release(permit)

    def _record(self, learner: UUID) -> None:
        try:
            permit = self.breakers.admit(learner)
        except BreakerOpen:
            self.refusals += 1
            return
        if self.is_up:
            self.breakers.record_success(permit)
        else:
            self.failures += 1
            self.breakers.record_failure(permit, is_outage=False)


@pytest.mark.parametrize(("hostile", "honest"), MINORITIES)
def test_a_hostile_minority_cannot_open_the_breaker(hostile: int, honest: int) -> None:
    simulation = Simulation(hostile=hostile, honest=honest)
    simulation.run(30)
    simulation.do_hostile_fail = True
    simulation.run(600)
    assert simulation.refusals == 0


@pytest.mark.parametrize(("hostile", "honest"), [(0, 3), *MINORITIES])
def test_an_outage_opens_the_breaker_although_hostile_learners_do_not_fail(hostile: int, honest: int) -> None:
    simulation = Simulation(hostile=hostile, honest=honest)
    simulation.run(60)
    simulation.is_up = False
    simulation.run(45)
    assert simulation.breakers.state != "closed"
    simulation.failures = simulation.refusals = 0
    simulation.run(600)
    assert simulation.failures < 4 * 600 / 15 + honest
    assert simulation.refusals > 0


@pytest.mark.parametrize(("hostile", "honest"), MINORITIES)
def test_a_hostile_minority_cannot_keep_the_breaker_open(hostile: int, honest: int) -> None:
    simulation = Simulation(hostile=hostile, honest=honest)
    simulation.run(60)
    simulation.is_up, simulation.do_hostile_fail = False, True
    simulation.run(120)
    assert simulation.breakers.state != "closed"
    simulation.is_up = True
    # Three learners are drawn every 15 s: an honest one within 30 s in all of 240 runs, and now within 120 s.
    simulation.run(120)
    simulation.refusals = 0
    simulation.run(600)
    assert simulation.refusals == 0


def test_outages_of_a_single_learner_open_the_breaker() -> None:
    now, learner, other = [0.0], uuid4(), uuid4()
    breakers = LearnerBreakers(ServiceBreaker(lambda: now[0]))
    for _ in range(4):
        breakers.record_failure(breakers.admit(learner), is_outage=True)
    breakers.record_success(breakers.admit(learner))
    for _ in range(4):
        breakers.record_failure(breakers.admit(learner), is_outage=True)
    breakers.admit(other)
    breakers.record_failure(breakers.admit(learner), is_outage=True)
    now[0] += 5
    with pytest.raises(BreakerOpen) as caught:
        breakers.admit(other)
    assert caught.value.retry_after_seconds == 10


def is_in(breaker: ServiceBreaker, state: BreakerState) -> bool:
    return breaker.state == state


def fail_in_turn(breaker: ServiceBreaker, learners: list[UUID]) -> None:
    for learner in learners:
        breaker.record_failure(breaker.admit(learner), learner, is_outage=False)


def test_any_learner_and_those_drawn_may_send_one_recording_in_a_period() -> None:
    now, learners = [0.0], [uuid4() for _ in range(3)]
    breaker = ServiceBreaker(lambda: now[0])
    fail_in_turn(breaker, learners)
    now[0] += 15
    assert is_in(breaker, "half_open")
    breaker.release(breaker.admit(uuid4()))
    breaker.admit(uuid4())
    assert is_in(breaker, "open")
    with pytest.raises(BreakerOpen):
        breaker.admit(uuid4())
    fail_in_turn(breaker, learners)
    with pytest.raises(BreakerOpen):
        breaker.admit(learners[0])
    now[0] += 15
    learner = uuid4()
    breaker.record_success(breaker.admit(learner), learner)
    assert is_in(breaker, "closed")


def test_learners_who_stopped_recording_do_not_count() -> None:
    now = [0.0]
    breaker = ServiceBreaker(lambda: now[0])
    for learner in (uuid4() for _ in range(20)):
        breaker.record_success(breaker.admit(learner), learner)
    fail_in_turn(breaker, [uuid4() for _ in range(5)])
    assert is_in(breaker, "closed")
    now[0] += 30
    fail_in_turn(breaker, [uuid4() for _ in range(3)])
    assert is_in(breaker, "open")


def test_only_a_limited_number_of_learners_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_breaker_module, "MAX_LEARNERS", 3)
    breaker = ServiceBreaker(lambda: 0.0)
    for learner in (uuid4() for _ in range(5)):
        breaker.record_success(breaker.admit(learner), learner)
    fail_in_turn(breaker, [uuid4() for _ in range(3)])
    assert is_in(breaker, "open")
