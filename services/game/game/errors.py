"""Errors of the game service and the codes that clients see.

The first line of each docstring is published in the API reference.
"""

from shared.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    field_error,
)


class AccountErased(Unauthorized):
    """The account was deleted after the access token was issued."""

    def __init__(self) -> None:
        super().__init__("This account was deleted.")


class SpeechNotFound(NotFound):
    """`speech_ids` lists speeches that were never published; leave their results out."""

    code = "speech_not_found"


class SpeechNotKnownYet(Conflict):
    """`speech_ids` lists new speeches that have not arrived here; repeat the request after `Retry-After`."""

    code = "speech_not_known_yet"


class SessionNotFound(NotFound):
    """No session has this id; take an id from the list of your sessions."""

    code = "session_not_found"


class NotYourSession(Forbidden):
    """The session belongs to another learner; ask only for your own sessions."""

    code = "not_your_session"


class IdempotencyConflict(Conflict):
    """The idempotency key or the id was used for another request; send a new one."""

    code = "idempotency_conflict"


class ImplausibleClock(Invalid):
    """The device's clock is wrong by more than a day: correct the times by the `Date` header, and repeat."""

    code = "implausible_clock"


class ExportRunning(TooManyRequests):
    """An export of yours is still running; wait for its end."""

    code = "export_running"

    def __init__(self) -> None:
        super().__init__("An export of yours is still running.", headers={"Retry-After": "10"})


class ExportsFull(Unavailable):
    """As many exports are running as the service has memory for."""

    code = "exports_full"

    def __init__(self) -> None:
        super().__init__("Many exports are running; try again in a moment.", retry_after=10)


class AggregateMismatch(Invalid):
    """Totals differ from the results; correct or omit those that `errors` lists."""

    code = "aggregate_mismatch"


def create_time_zone_error() -> Invalid:
    message = "must be the IANA name of a time zone, such as Europe/Berlin, or an offset, such as +03:00"
    return field_error("#/query/tz", message)
