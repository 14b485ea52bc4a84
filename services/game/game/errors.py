"""Errors of the game service and the codes that clients see."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound, field_error


class SpeechNotFound(NotFound):
    """A result names a speech that was never published."""

    code = "speech_not_found"


class SessionNotFound(NotFound):
    code = "session_not_found"


class NotYourSession(Forbidden):
    """The session belongs to another learner."""

    code = "not_your_session"


class IdempotencyConflict(Conflict):
    """The idempotency key or the session id belongs to another request."""

    code = "idempotency_conflict"


class AggregateMismatch(Invalid):
    """The client's totals differ from those of its results."""

    code = "aggregate_mismatch"


def unknown_time_zone() -> Invalid:
    return field_error("#/query/tz", "must be the IANA name of a time zone, such as Europe/Berlin")
