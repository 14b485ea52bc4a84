"""Estimates the duration of work from earlier durations."""

from collections.abc import Sequence

LEARNING_RATE = 0.25
"""The share of an error by which the next estimate of the same work is corrected."""
MAX_ERROR_RATIO = 2.0
"""Limits the correction, so that one hanging job does not inflate all estimates."""
MIN_SECONDS = 0.01


class DurationEstimator:
    """A linear model of a job's sizes, corrected after each job (normalised least mean squares)."""

    def __init__(self, *, seconds: Sequence[float], scales: Sequence[float]) -> None:
        """Start with the base seconds, and the additional seconds of each size at its maximum (`scales`)."""
        self._weights, self._scales = [*seconds], scales
        self.typical_seconds = max(self._weights[0], MIN_SECONDS)

    def estimate(self, sizes: Sequence[float]) -> float:
        weighted = zip(self._weights, self._scale(sizes), strict=True)
        return max(sum(weight * size for weight, size in weighted), MIN_SECONDS)

    def update(self, sizes: Sequence[float], seconds: float) -> None:
        scaled = self._scale(sizes)
        error = _limit_error(seconds, self.estimate(sizes))
        step = LEARNING_RATE * error / sum(size * size for size in scaled)
        weighted = zip(self._weights, scaled, strict=True)
        # A larger size never makes a job shorter.
        self._weights = [max(weight + step * size, 0.0) for weight, size in weighted]
        self.typical_seconds += LEARNING_RATE * _limit_error(seconds, self.typical_seconds)

    def _scale(self, sizes: Sequence[float]) -> list[float]:
        return [1.0, *(size / scale for size, scale in zip(sizes, self._scales, strict=True))]


def _limit_error(seconds: float, estimate: float) -> float:
    return min(seconds - estimate, MAX_ERROR_RATIO * estimate)
