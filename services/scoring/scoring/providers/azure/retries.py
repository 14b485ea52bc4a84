"""Retry policy. The SDK's own retries are off: it immediately resends the audio up to four times."""

MAX_ATTEMPTS = 3
FIRST_DELAY_SECONDS = 0.4
MIN_ATTEMPT_SECONDS = 1.0
"""With less time remaining, another attempt would only cost money."""


def choose_delay(attempt: int, *, remaining_seconds: float, jitter: float) -> float | None:
    """Return the seconds after attempt 1, 2 …, or None if another one could not finish in time. `jitter` is
    between 0 and 1, so that callers that failed together do not retry together.
    """
    delay = FIRST_DELAY_SECONDS * (1 << (attempt - 1)) * (0.5 + jitter / 2)
    return delay if delay + MIN_ATTEMPT_SECONDS <= remaining_seconds else None
