"""Errors a request can raise. `shared.http.problems` renders them as problem+json.

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

Services add leaves with a stable `code`, in their own errors.py.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ParleyError(Exception):
    """A failure that the client may see.

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


class CannotStart(Exception):
    """A precondition for starting is not met. The message is one line for the operator."""


class BadRequest(ParleyError):
    """The request cannot be parsed."""

    status, code, title = 400, "bad_request", "Bad request"


class MalformedForm(BadRequest):
    """The body is not a complete form; send `multipart/form-data` with each field once."""

    code, title = "malformed_form", "Malformed form"


class Unauthorized(ParleyError):
    """The access token is missing, invalid or expired."""

    status, code, title = 401, "unauthorized", "Unauthorized"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, **extra)


class Forbidden(ParleyError):
    """The caller is authenticated but lacks the permission."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(ParleyError):
    status, code, title = 404, "not_found", "Not found"


class Conflict(ParleyError):
    status, code, title = 409, "conflict", "Conflict"


class PreconditionFailed(ParleyError):
    """The resource is not in the state required by the request."""

    status, code, title = 412, "precondition_failed", "Precondition failed"


class PayloadTooLarge(ParleyError):
    status, code, title = 413, "payload_too_large", "Payload too large"


class Invalid(ParleyError):
    """A value in the request is not acceptable; `errors` names the fields."""

    status, code, title = 422, "validation_failed", "Validation failed"


def field_error(pointer: str, message: str, *, error_type: type[Invalid] = Invalid, **extra: Any) -> Invalid:
    """Build the error of one field, in the same shape as a schema violation."""
    errors = [{"pointer": pointer, "message": message}]
    return error_type(describe_field_error(pointer, message), errors=errors, **extra)


def describe_field_error(pointer: str, message: str) -> str:
    # Some messages end with a full stop; pydantic's do not.
    return f"The request is not valid. {pointer}: {message.removesuffix('.')}."


class TooManyRequests(ParleyError):
    """A rate limit is exceeded; wait for `Retry-After` seconds."""

    status, code, title = 429, "too_many_requests", "Too many requests"


class Unavailable(ParleyError):
    """A dependency is down. The same request may succeed later."""

    status, code, title = 503, "unavailable", "Service unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5, **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **extra)


class TimedOut(ParleyError):
    status, code, title = 504, "timed_out", "Timed out"
