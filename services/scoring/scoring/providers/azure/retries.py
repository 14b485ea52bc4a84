"""Retry policy. The SDK's own retries are off, because they resend the audio up to four times immediately."""

MAX_ATTEMPTS = 3
FIRST_DELAY_SECONDS = 0.4
MIN_ATTEMPT_SECONDS = 1.0
"""If less time remains, another attempt only costs money."""


def choose_delay(attempt: int, *, remaining_seconds: float, jitter: float) -> float | None:
    """Return the seconds to wait after attempt 1, 2 …, or None if another attempt could not finish in time.

    `jitter`, from 0 to 1, spreads the retries of callers that failed together.
    """
    delay = FIRST_DELAY_SECONDS * (1 << (attempt - 1)) * (0.5 + jitter / 2)
    return delay if delay + MIN_ATTEMPT_SECONDS <= remaining_seconds else None
