"""Stops the calls for a learner whose recordings keep failing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

MAX_FAILURES = 5
RESET_SECONDS = 15.0

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
        self._failures = self._epoch = 0
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

    def admit(self) -> Permit:
        """Return a permit. Raises BreakerOpen while the breaker is open, or while a probe is running."""
        if self.state == "closed":
            return Permit(self._epoch, is_probe=False)
        if self.state == "open" or self._probing:
            raise BreakerOpen(self.open_seconds)
        self._probing = True
        return Permit(self._epoch, is_probe=True)

    def record_success(self, permit: Permit) -> None:
        if permit.epoch != self._epoch:
            return
        self._failures = 0
        if permit.is_probe:
            self._change(opened_at=None)

    def record_failure(self, permit: Permit) -> None:
        if permit.epoch != self._epoch:
            return
        self._failures += 1
        if permit.is_probe or self._failures >= self._max_failures:
            self._change(opened_at=self._clock())

    def release(self, permit: Permit) -> None:
        """Return a permit whose call says nothing about the service."""
        if permit.is_probe and permit.epoch == self._epoch:
            self._probing = False

    def _change(self, *, opened_at: float | None) -> None:
        self._opened_at, self._failures, self._probing = opened_at, 0, False
        self._epoch += 1
