"""Alternating measurements in many short rounds, so that noise affects all of them equally."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

type Action = Callable[[], Awaitable[object]]


class Times(NamedTuple):
    """Milliseconds by round."""

    p50: list[float]
    p95: list[float]

    def __str__(self) -> str:
        return f"{statistics.median(self.p50):9.2f} /{statistics.median(self.p95):6.2f}"


async def measure_rounds[K](actions: Mapping[K, Action], *, rounds: int, repetitions: int) -> dict[K, Times]:
    """Time each action `repetitions` times in a row, in `rounds` rounds after a warm-up round."""
    times_by_name = {name: Times([], []) for name in actions}
    for number in range(rounds + 1):
        for name, action in actions.items():
            times = sorted([await _time_action(action) for _ in range(repetitions)])
            if number:
                times_by_name[name].p50.append(times[repetitions // 2])
                times_by_name[name].p95.append(times[repetitions * 95 // 100])
    return times_by_name


async def _time_action(action: Action) -> float:
    started = time.perf_counter()
    await action()
    return (time.perf_counter() - started) * 1000


class Ratio(NamedTuple):
    """Median and quartiles of the ratio of two measurements, taken round by round."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:5.2f} ({self.low:.2f}-{self.high:.2f})"


def compute_ratio(measurements: list[float], references: list[float]) -> Ratio:
    """Divide measurements by the references of the same rounds."""
    pairs = zip(measurements, references, strict=True)
    return Ratio(*statistics.quantiles((one / other for one, other in pairs), n=4))


def report_bounds(broken: list[str]) -> int:
    """Print the broken bounds and return the exit status."""
    for line in broken:
        print(f"BROKEN: {line}")
    print("A result exceeds its bound." if broken else "All bounds hold.")
    return 1 if broken else 0
