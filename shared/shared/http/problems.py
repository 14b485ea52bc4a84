"""Errors of a request as RFC 9457 problem documents."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from shared.errors import BadRequest, Invalid, NotFound, ParleyError, describe_field_error
from shared.http.health import INTERNAL_PATHS
from shared.http.unknown_fields import UNKNOWN, describe_unknown

type Responses = dict[int | str, dict[str, Any]]
"""Responses of an operation in the API document, by status."""
type Location = tuple[int | str, ...]

CODED_DAY = re.compile(r"datetime\.(?:date|datetime)\((\d+), (\d+), (\d+).*\)")
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


class MethodNotAllowed(ParleyError):
    status, code, title = 405, "method_not_allowed", "Method not allowed"


class MalformedJson(BadRequest):
    code = "malformed_json"


class UnknownField(Invalid):
    """The request has a field that this operation does not know; `errors` names the closest known name."""

    code, title = "unknown_field", "Unknown field"


MAX_LISTED_ERRORS = 50


def build_error_responses(*errors: type[ParleyError]) -> Responses:
    """Document errors for the API reference: by status, each code with the first line of its docstring."""
    lines: dict[int, list[str]] = {}
    for error in errors:
        summary = (error.__doc__ or error.title).partition("\n")[0]
        lines.setdefault(error.status, []).append(f"`{error.code}`: {summary}")
    return {
        status: {"description": "\n\n".join(texts)}
        | ({"headers": RETRY_AFTER} if status in {429, 503} else {})
        for status, texts in lines.items()
    }


def build_document(error: ParleyError, *, request_id: str) -> dict[str, Any]:
    return {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
        **error.extra,
    }


def to_response(error: ParleyError, *, request_id: str) -> JSONResponse:
    document = build_document(error, request_id=request_id)
    return JSONResponse(document, error.status, error.headers, "application/problem+json")


async def render(request: Request, error: Exception) -> Response:
    if not isinstance(error, ParleyError):
        raise error
    return to_response(error, request_id=request.state.request_id)


async def render_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return await render(request, NotFound("There is no resource at this address."))
    if error.status_code == 405:
        allowed = {"Allow": ", ".join(_list_allowed_methods(request.app, request.url.path))}
        detail = f"This resource accepts only {allowed['Allow']}."
        return await render(request, MethodNotAllowed(detail, headers=allowed))
    return await render(request, BadRequest("The request body could not be read."))


def _list_allowed_methods(app: FastAPI, path: str) -> list[str]:
    # The framework names only the methods of the first route that matches.
    allowed = {"GET"} if path in INTERNAL_PATHS else set[str]()
    for template, operations in app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            allowed |= {method.upper() for method in operations}
    return sorted(allowed | {"HEAD"} if "GET" in allowed else allowed)


async def render_validation_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return await render(request, MalformedJson("The body is not valid JSON."))
    return await render(request, _to_invalid(request, errors))


def validate_part[M: BaseModel](request: Request, model: type[M], value: object, *, location: Location) -> M:
    """Validate the part of the body at `location`. Raises Invalid, with pointers from the body's root."""
    try:
        return model.model_validate(value, from_attributes=True)
    except ValidationError as error:
        errors = [
            {**violation, "loc": ("body", *location, *violation["loc"])}
            for violation in error.errors(include_url=False)
        ]
        raise _to_invalid(request, errors, prefix=location) from error


def _to_invalid(request: Request, errors: Sequence[Any], *, prefix: Location = ()) -> Invalid:
    # An unknown field often causes the other errors: the required field is then missing.
    listed_errors = sorted(errors, key=lambda error: error["type"] != UNKNOWN)[:MAX_LISTED_ERRORS]
    # The rejected input is omitted: it may be a password.
    field_errors = [
        {"pointer": to_pointer(error["loc"], prefix=prefix), "message": _build_message(request, error)}
        for error in listed_errors
    ]
    detail = describe_field_error(**field_errors[0])
    error_type = UnknownField if listed_errors[0]["type"] == UNKNOWN else Invalid
    return error_type(detail, errors=field_errors)


def _build_message(request: Request, error: Mapping[str, Any]) -> str:
    if error["type"] == UNKNOWN:
        return describe_unknown(request, error["loc"])
    return describe_violation(error)


def describe_violation(error: Mapping[str, Any]) -> str:
    """Return the message of one of pydantic's errors."""
    # pydantic counts the characters of a validated text as items.
    if error["type"] in {"too_short", "too_long"} and isinstance(error["input"], str):
        bound, side = ("min_length", "least") if error["type"] == "too_short" else ("max_length", "most")
        count = error["ctx"][bound]
        return f"Text should have at {side} {count} character{'s' if count > 1 else ''}"
    if error["loc"] == ("body",) and error["type"] == "model_attributes_type":
        return "Send a JSON object, and Content-Type: application/json"
    # pydantic writes the bounds of dates and times as code.
    message = CODED_DAY.sub(lambda found: date(*map(int, found.groups())).isoformat(), str(error["msg"]))
    return message.removeprefix("Value error, ")


def to_pointer(location: Location, *, prefix: Location = ()) -> str:
    """Return the JSON pointer (RFC 6901, as a URI fragment); query, path and header keep their name."""
    parts = location[1 + len(prefix) :] if location[0] == "body" else location
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
