import pytest
from scoring.providers.azure.retries import choose_delay


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"), [(1, 0.0, 0.2), (1, 1.0, 0.4), (2, 0.0, 0.4), (2, 1.0, 0.8)]
)
def test_delays_grow_with_jitter(attempt: int, jitter: float, seconds: float) -> None:
    assert choose_delay(attempt, remaining_seconds=10, jitter=jitter) == pytest.approx(seconds)


def test_no_attempt_is_made_that_cannot_end_in_time() -> None:
    assert choose_delay(1, remaining_seconds=1.3, jitter=1.0) is None
