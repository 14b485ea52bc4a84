"""Errors of the game service and the codes that clients see."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound, invalid


class SpeechNotFound(NotFound):
    """A result names a speech that was never in the catalogue."""

    code = "speech_not_found"


class SessionNotFound(NotFound):
    """There is no such session."""

    code = "session_not_found"


class NotYourSession(Forbidden):
    """The session is another learner's."""

    code = "not_your_session"


class IdempotencyConflict(Conflict):
    """The key or the id of this request belongs to another one."""

    code = "idempotency_conflict"


class AggregateMismatch(Invalid):
    """The client has added its results up to something else."""

    code = "aggregate_mismatch"


def unknown_time_zone() -> Invalid:
    """The error of the parameter `tz`."""
    return invalid("#/query/tz", "must be the IANA name of a time zone, such as Europe/Berlin")
