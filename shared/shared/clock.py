"""The clock of all decisions: the system's UTC time. Database defaults only stamp rows."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
