"""Sign-ins and their refresh tokens."""

from datetime import datetime, timedelta
from enum import Enum

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
"""How long a sign-in outlives its last refresh."""
REFRESH_GRACE = timedelta(seconds=10)
"""How long a spent token still answers with its successor, for a client that has lost the first answer."""


class Verdict(Enum):
    """What becomes of a refresh token that someone presents."""

    ROTATE = "its first use: it is spent for a successor"
    REPEAT = "a second use within the grace: the same successor again"
    REUSED = "a later use: two hold this token, so the family is revoked"
    REFUSED = "its family is revoked or has expired"


def judge(
    now: datetime, *, spent_at: datetime | None, expires_at: datetime, revoked_at: datetime | None
) -> Verdict:
    """Decide on a refresh token of a family that expires, or was revoked, at these times."""
    if revoked_at is not None or expires_at <= now:
        return Verdict.REFUSED
    if spent_at is None:
        return Verdict.ROTATE
    return Verdict.REPEAT if now - spent_at <= REFRESH_GRACE else Verdict.REUSED
