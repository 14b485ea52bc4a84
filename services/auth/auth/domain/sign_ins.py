from datetime import datetime, timedelta
from enum import Enum

from auth.errors import RecentProofRequired, WrongPassword

ACCESS_TOKEN_TTL = timedelta(minutes=15)
REFRESH_TOKEN_TTL = timedelta(days=30)
"""A sign-in ends this long after its last refresh."""
MAX_SESSIONS_PER_ACCOUNT = 100
"""An export and every sign-out everywhere read all of them."""

# Counted from the sign-in, not from a refresh, because a thief can refresh a stolen session indefinitely.
SIGN_IN_PROOF_TTL = timedelta(minutes=10)


def ensure_proof(now: datetime, *, signed_in_at: datetime, is_password_correct: bool | None) -> None:
    """Raise WrongPassword or RecentProofRequired. `is_password_correct` is None if none was sent."""
    if is_password_correct is False:
        raise WrongPassword
    if is_password_correct is None and now - signed_in_at > SIGN_IN_PROOF_TTL:
        raise RecentProofRequired


class RefreshDecision(Enum):
    ROTATE = "first use: replace it by a successor"
    REPEAT = "used again, its successor is not: the response may have been lost, so repeat it"
    REVOKE = "used again after its successor: two parties hold the token, so revoke its family"
    REFUSE = "its family has expired or is revoked"


def evaluate_refresh_token(
    now: datetime,
    *,
    used_at: datetime | None,
    is_successor_unused: bool,
    expires_at: datetime,
    revoked_at: datetime | None,
) -> RefreshDecision:
    """Decide on a token by its use, and by its family's expiry and revocation times."""
    if revoked_at is not None or expires_at <= now:
        return RefreshDecision.REFUSE
    if used_at is None:
        return RefreshDecision.ROTATE
    return RefreshDecision.REPEAT if is_successor_unused else RefreshDecision.REVOKE


def may_have_access(now: datetime, expires_at: datetime) -> bool:
    """Return whether an access token of the session may still be valid: each refresh issues one."""
    return now < expires_at - REFRESH_TOKEN_TTL + 2 * ACCESS_TOKEN_TTL
