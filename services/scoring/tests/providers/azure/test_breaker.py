import pytest
from scoring.providers.azure.breaker import Breaker, BreakerOpen, BreakerState


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, max_failures=3, reset_seconds=10)


def is_in(breaker: Breaker, state: BreakerState) -> bool:
    return breaker.state == state


def fail(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        breaker.record_failure(breaker.admit())


def test_the_breaker_opens_after_consecutive_failures(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert is_in(breaker, "closed")
    fail(breaker, 1)
    assert is_in(breaker, "open")
    with pytest.raises(BreakerOpen) as caught:
        breaker.admit()
    assert caught.value.retry_after_seconds == 10


def test_a_success_in_between_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.record_success(breaker.admit())
    fail(breaker, 2)
    assert is_in(breaker, "closed")


def test_inconclusive_outcomes_do_not_count(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.release(breaker.admit())
    fail(breaker, 1)
    assert is_in(breaker, "open")


def test_one_request_is_let_through_after_the_open_time(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 9.9
    assert is_in(breaker, "open")
    clock.now += 0.1
    assert is_in(breaker, "half_open")
    breaker.admit()
    with pytest.raises(BreakerOpen):
        breaker.admit()


def test_a_success_of_that_request_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 10
    breaker.record_success(breaker.admit())
    assert is_in(breaker, "closed")
    breaker.admit()
    breaker.admit()


def test_a_failure_of_that_request_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 12
    fail(breaker, 1)
    assert is_in(breaker, "open")
    assert breaker.open_seconds == 10


def test_a_probe_whose_client_left_is_followed_by_another(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 10
    breaker.release(breaker.admit())
    breaker.record_success(breaker.admit())
    assert is_in(breaker, "closed")


def test_requests_started_earlier_do_not_change_the_state(breaker: Breaker, clock: Clock) -> None:
    early = breaker.admit(), breaker.admit(), breaker.admit()
    fail(breaker)
    breaker.record_success(early[0])
    assert is_in(breaker, "open")
    clock.now += 10
    breaker.record_failure(early[1])
    assert is_in(breaker, "half_open")
    probe = breaker.admit()
    breaker.release(early[2])
    with pytest.raises(BreakerOpen):
        breaker.admit()
    breaker.record_success(probe)
    assert is_in(breaker, "closed")
