from datetime import datetime, timedelta

from shared.security.current_user import Role

from auth.domain.sign_ins import ACCESS_TOKEN_TTL
from auth.errors import NotForLearners

PANEL_SESSION_TTL = timedelta(hours=8)
"""Counted from the sign-on, regardless of activity."""
PAGE_TOKEN_TTL = timedelta(minutes=1)
"""Lifetime of the token that replaces the cookie for one request."""


def ensure_may_use_panel(role: Role) -> None:
    if role == "learner":
        raise NotForLearners


def limit_to_session(ttl: timedelta, *, now: datetime, session_ends_at: datetime) -> timedelta:
    """Return a token's lifetime, shortened so that the token does not outlive its session."""
    return min(ttl, session_ends_at - now)


def may_have_panel_access(now: datetime, expires_at: datetime) -> bool:
    """Return whether an access token of the session may still be valid."""
    return now < expires_at + ACCESS_TOKEN_TTL
