from datetime import datetime, timedelta

from auth.errors import TokenExpired, TokenUsed
from auth.types import EmailKind, TokenPurpose

TOKEN_TTLS: dict[TokenPurpose, timedelta] = {
    "verify_email": timedelta(hours=24),
    "reset_password": timedelta(hours=1),
    "change_email": timedelta(hours=1),
}
EMAIL_COOLDOWN = timedelta(minutes=1)
"""An account receives at most one e-mail with a token for the same purpose in this time."""
MAX_EMAILS_PER_DAY = 5
"""Limit of e-mails for the same purpose, because anyone can request them."""
MAX_EMAILS_PER_DAY_FROM_KNOWN_ADDRESS = 10
"""Requests from a client address where the owner has signed in can send five more e-mails than others."""

LIMITED_NOTICES: dict[EmailKind, str] = {
    "password_changed": "password_changed",
    "email_change_requested": "change_requested",
}
"""Notices that one account can cause repeatedly, and the names of their limits, `MAX_EMAILS_PER_DAY` each."""


def get_max_emails_per_day(*, from_known_address: bool) -> int:
    return MAX_EMAILS_PER_DAY_FROM_KNOWN_ADDRESS if from_known_address else MAX_EMAILS_PER_DAY


def may_send_email(
    now: datetime,
    *,
    last_unused_at: datetime | None,
    sent_in_a_day: int,
    max_per_day: int = MAX_EMAILS_PER_DAY,
) -> bool:
    """Decide by the e-mails for the same purpose: when the last unused token was sent; the count of a day."""
    is_repeated = last_unused_at is not None and last_unused_at > now - EMAIL_COOLDOWN
    return not is_repeated and sent_in_a_day < max_per_day


def ensure_usable(now: datetime, *, used_at: datetime | None, expires_at: datetime) -> None:
    """Raise TokenUsed or TokenExpired unless the token may be used now."""
    if used_at is not None:
        raise TokenUsed
    if expires_at <= now:
        raise TokenExpired
