from datetime import datetime
from uuid import UUID

from auth.errors import AccountLocked, OwnAccount


def ensure_not_locked(locked_at: datetime | None) -> None:
    if locked_at is not None:
        raise AccountLocked


def ensure_not_own(user_id: UUID, actor: UUID) -> None:
    """Raise OwnAccount, so that admins cannot lock themselves out by mistake."""
    if user_id == actor:
        raise OwnAccount
