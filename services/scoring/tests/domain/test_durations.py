import numpy as np
import pytest
from scoring.domain.durations import MIN_SECONDS, DurationEstimator


def create_estimator(*seconds: float) -> DurationEstimator:
    return DurationEstimator(seconds=seconds or (0.5, 6, 1), scales=(60, 150))


def test_the_first_estimate_is_computed_from_the_initial_coefficients() -> None:
    estimator = create_estimator()
    assert estimator.estimate((60, 150)) == pytest.approx(7.5)
    assert estimator.estimate((0, 0)) == pytest.approx(0.5)
    assert estimator.estimate((30, 15)) == pytest.approx(3.6)
    assert estimator.typical_seconds == pytest.approx(0.5)


def test_a_quarter_of_an_error_is_corrected() -> None:
    estimator = create_estimator()
    estimator.update((60, 150), 11.5)
    assert estimator.estimate((60, 150)) == pytest.approx(8.5)


@pytest.mark.parametrize("speed", [0.1, 1, 4])
def test_estimates_adapt_to_the_speed_of_the_machine(speed: float) -> None:
    estimator, chance = create_estimator(), np.random.default_rng(1)
    for _ in range(500):
        sizes = chance.uniform(1, 60), chance.uniform(1, 150)
        actual = (0.3 + sizes[0] / 10 + sizes[1] / 100) * speed
        estimator.update(sizes, actual * chance.uniform(0.8, 1.2))
    for sizes in ((60, 150), (60, 5), (15, 40), (30, 100)):
        actual = (0.3 + sizes[0] / 10 + sizes[1] / 100) * speed
        assert estimator.estimate(sizes) == pytest.approx(actual, rel=0.3)


def test_the_typical_time_follows_recent_work() -> None:
    estimator = create_estimator()
    for _ in range(20):
        estimator.update((10, 10), 3)
    assert estimator.typical_seconds == pytest.approx(3, rel=0.01)


def test_a_single_hanging_job_changes_little() -> None:
    estimator = create_estimator()
    before, typical = estimator.estimate((10, 10)), estimator.typical_seconds
    estimator.update((10, 10), 1000)
    assert estimator.estimate((10, 10)) <= 1.5 * before
    assert estimator.typical_seconds <= 1.5 * typical


def test_no_work_takes_no_time() -> None:
    estimator = create_estimator()
    for _ in range(100):
        estimator.update((60, 150), 0)
    assert estimator.estimate((60, 150)) == MIN_SECONDS
    for _ in range(100):
        estimator.update((60, 150), 5)
    assert estimator.estimate((60, 150)) == pytest.approx(5, rel=0.05)
