"""The errors a request can end in, and how they are told to the client.

    ParleyError
    ├── BadRequest         400
    ├── Unauthorized       401
    ├── Forbidden          403
    ├── NotFound           404
    ├── Conflict           409
    ├── PreconditionFailed 412
    ├── PayloadTooLarge    413
    ├── Invalid            422
    ├── TooManyRequests    429
    ├── Unavailable        503
    └── TimedOut           504

Services add leaves with a stable `code`; only `app.py` turns them into responses.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ParleyError(Exception):
    """A failure that the client can be told about.

    `detail` is a sentence for a person. `extra` becomes members of the problem document.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra


class BadRequest(ParleyError):
    """The request cannot be read."""

    status, code, title = 400, "bad_request", "Bad request"


class Unauthorized(ParleyError):
    """The request does not say, or cannot prove, who is asking."""

    status, code, title = 401, "unauthorized", "Unauthorized"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, **extra)


class Forbidden(ParleyError):
    """Whoever is asking may not do this."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(ParleyError):
    """There is no such thing."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(ParleyError):
    """The request contradicts what is there."""

    status, code, title = 409, "conflict", "Conflict"


class PreconditionFailed(ParleyError):
    """What the request was made for has changed since."""

    status, code, title = 412, "precondition_failed", "Precondition failed"


class PayloadTooLarge(ParleyError):
    """The body is larger than this route takes."""

    status, code, title = 413, "payload_too_large", "Payload too large"


class Invalid(ParleyError):
    """The request is readable, but what it says cannot be accepted."""

    status, code, title = 422, "validation_failed", "Validation failed"


def invalid(pointer: str, message: str, *, of: type[Invalid] = Invalid, **extra: Any) -> Invalid:
    """The error of one field, in the shape of a schema violation."""
    errors = [{"pointer": pointer, "message": message}]
    return of(f"The request is not valid. {pointer}: {message}.", errors=errors, **extra)


class TooManyRequests(ParleyError):
    """A rate limit is used up."""

    status, code, title = 429, "too_many_requests", "Too many requests"


class Unavailable(ParleyError):
    """Something this request needs is down; the same request may succeed in a moment."""

    status, code, title = 503, "unavailable", "Service unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5, **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **extra)


class TimedOut(ParleyError):
    """Something this request needs took too long."""

    status, code, title = 504, "timed_out", "Timed out"
