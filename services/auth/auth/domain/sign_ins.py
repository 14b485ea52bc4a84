"""Sign-ins and their refresh tokens."""

from datetime import datetime, timedelta
from enum import Enum

ACCESS_TOKEN_TTL = timedelta(minutes=15)
REFRESH_TOKEN_TTL = timedelta(days=30)
"""How long a sign-in outlives its last refresh."""
REFRESH_GRACE_PERIOD = timedelta(seconds=10)
"""How long a spent token still answers with its successor, for a client that has lost the first answer."""


class RefreshDecision(Enum):
    """What becomes of a refresh token that someone presents."""

    ROTATE = "its first use: it is spent for a successor"
    REPEAT = "a second use within the grace: the same successor again"
    REUSED = "a later use: two hold this token, so the family is revoked"
    REFUSED = "its family is revoked or has expired"


def evaluate_refresh_token(
    now: datetime, *, spent_at: datetime | None, expires_at: datetime, revoked_at: datetime | None
) -> RefreshDecision:
    """Decide on a refresh token of a family that expires, or was revoked, at these times."""
    if revoked_at is not None or expires_at <= now:
        return RefreshDecision.REFUSED
    if spent_at is None:
        return RefreshDecision.ROTATE
    return RefreshDecision.REPEAT if now - spent_at <= REFRESH_GRACE_PERIOD else RefreshDecision.REUSED
