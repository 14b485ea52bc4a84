from uuid import UUID, uuid4

import pytest
from scoring.providers.azure import learner_breakers as learner_breakers_module
from scoring.providers.azure.breaker import BreakerOpen, BreakerState
from scoring.providers.azure.learner_breakers import LearnerBreakers
from scoring.providers.azure.service_breaker import ServiceBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def is_in(breakers: LearnerBreakers, state: BreakerState) -> bool:
    return breakers.state == state


@pytest.fixture
def breakers(clock: Clock) -> LearnerBreakers:
    return LearnerBreakers(ServiceBreaker(clock, max_failures=5, reset_seconds=10))


def fail_for(breakers: LearnerBreakers, learner_id: UUID, times: int) -> None:
    for _ in range(times):
        breakers.record_failure(breakers.admit(learner_id), is_outage=False)


def test_a_learner_whose_recordings_fail_is_refused_and_others_are_not(breakers: LearnerBreakers) -> None:
    failing, other = uuid4(), uuid4()
    fail_for(breakers, failing, 5)
    with pytest.raises(BreakerOpen):
        breakers.admit(failing)
    assert is_in(breakers, "closed")
    breakers.admit(other)


def test_failures_of_three_learners_open_it_for_all(breakers: LearnerBreakers) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    fail_for(breakers, first, 4)
    fail_for(breakers, second, 4)
    assert is_in(breakers, "closed")
    fail_for(breakers, third, 1)
    assert is_in(breakers, "open")


def test_another_learner_probes_the_service_first(breakers: LearnerBreakers, clock: Clock) -> None:
    failing = uuid4()
    fail_for(breakers, failing, 5)
    for _ in range(2):
        fail_for(breakers, uuid4(), 1)
    clock.now += 10
    with pytest.raises(BreakerOpen):
        breakers.admit(failing)
    assert is_in(breakers, "half_open")
    breakers.record_success(breakers.admit(uuid4()))
    assert is_in(breakers, "closed")
    clock.now += 10
    breakers.record_success(breakers.admit(failing))
    fail_for(breakers, failing, 4)
    breakers.admit(failing)


def test_a_refused_request_leaves_the_learners_probe_to_the_next(
    breakers: LearnerBreakers, clock: Clock
) -> None:
    failing = uuid4()
    fail_for(breakers, failing, 5)
    clock.now += 15
    for _ in range(2):
        fail_for(breakers, uuid4(), 1)
    clock.now += 5
    with pytest.raises(BreakerOpen):
        breakers.admit(failing)
    clock.now += 5
    breakers.release(breakers.admit(failing))
    breakers.record_success(breakers.admit(failing))
    assert is_in(breakers, "closed")


def test_only_a_limited_number_of_learners_is_remembered(
    breakers: LearnerBreakers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner_breakers_module, "MAX_LEARNERS", 1)
    first = uuid4()
    fail_for(breakers, first, 5)
    fail_for(breakers, uuid4(), 1)
    breakers.admit(first)
