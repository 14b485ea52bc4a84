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
    """`speech_ids` lists speeches that were never published; omit their results."""

    code = "speech_not_found"


class SpeechNotKnownYet(Conflict):
    """`speech_ids` lists new speeches that have not arrived here; repeat the request after `Retry-After`."""

    code = "speech_not_known_yet"


class SessionNotFound(NotFound):
    """No session has this id; use an id from the list of your sessions."""

    code = "session_not_found"


class NotYourSession(Forbidden):
    """The session belongs to another learner; request only your own sessions."""

    code = "not_your_session"


class IdempotencyConflict(Conflict):
    """The idempotency key or id was already used for a different request; send a new one."""

    code = "idempotency_conflict"


class ImplausibleClock(Invalid):
    """The device's clock is off by more than a day: correct the times using the `Date` header, and repeat."""

    code = "implausible_clock"


class BatchInterrupted(Unavailable):
    """The batch took too long; send its remaining sessions again."""

    code = "batch_interrupted"

    def __init__(self) -> None:
        super().__init__("The batch took too long; send this session again.", retry_after=1)


class ExportRunning(TooManyRequests):
    """Your previous export is still running; wait until it ends."""

    code = "export_running"

    def __init__(self) -> None:
        super().__init__("Your previous export is still running.", headers={"Retry-After": "10"})


class ExportsFull(Unavailable):
    """The maximum number of exports is running."""

    code = "exports_full"

    def __init__(self) -> None:
        super().__init__("Too many exports are running; try again in a moment.", retry_after=10)


class AggregateMismatch(Invalid):
    """Totals differ from the results; correct or omit those that `errors` lists."""

    code = "aggregate_mismatch"


def create_time_zone_error() -> Invalid:
    message = "must be the IANA name of a time zone, such as Europe/Berlin, or an offset, such as +03:00"
    return field_error("#/query/tz", message)
