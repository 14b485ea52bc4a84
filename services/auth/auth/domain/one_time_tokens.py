from datetime import datetime, timedelta

from auth.errors import TokenExpired, TokenUsed
from auth.types import TokenPurpose

TOKEN_TTLS: dict[TokenPurpose, timedelta] = {
    "verify_email": timedelta(hours=24),
    "reset_password": timedelta(hours=1),
}
EMAIL_COOLDOWN = timedelta(minutes=1)
"""An account receives at most one e-mail with a token for the same purpose in this time."""


def ensure_usable(now: datetime, *, used_at: datetime | None, expires_at: datetime) -> None:
    """Raise TokenUsed or TokenExpired unless the token may be used now."""
    if used_at is not None:
        raise TokenUsed
    if expires_at <= now:
        raise TokenExpired
