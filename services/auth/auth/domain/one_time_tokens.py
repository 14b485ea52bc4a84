"""Links in e-mails."""

from datetime import datetime, timedelta

from auth.errors import LinkExpired, LinkUsed

VERIFICATION_LIFETIME = timedelta(hours=24)
RESET_LIFETIME = timedelta(hours=1)
LETTER_PAUSE = timedelta(minutes=1)
"""How long nobody gets the same link twice, however often it is asked for."""


def ensure_good(now: datetime, *, used_at: datetime | None, expires_at: datetime) -> None:
    """Raise LinkUsed or LinkExpired, unless a link that was sent may have its effect now."""
    if used_at is not None:
        raise LinkUsed("This link was used already, or the account has changed since; ask for a new one.")
    if expires_at <= now:
        raise LinkExpired("This link has expired; ask for a new one.")
