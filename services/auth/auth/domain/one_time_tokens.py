"""Links in e-mails."""

from datetime import datetime, timedelta

from auth.errors import TokenExpired, TokenUsed

VERIFICATION_TOKEN_TTL = timedelta(hours=24)
RESET_TOKEN_TTL = timedelta(hours=1)
EMAIL_COOLDOWN = timedelta(minutes=1)
"""How long nobody gets the same link twice, however often it is asked for."""


def ensure_usable(now: datetime, *, used_at: datetime | None, expires_at: datetime) -> None:
    """Raise TokenUsed or TokenExpired, unless a link that was sent may have its effect now."""
    if used_at is not None:
        raise TokenUsed("This link was used already, or the account has changed since; ask for a new one.")
    if expires_at <= now:
        raise TokenExpired("This link has expired; ask for a new one.")
