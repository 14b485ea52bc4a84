"""Messages between the API and its workers: a head in JSON, then a body of bytes, each with its length."""

import json
import struct
from typing import Any

from shared.errors import ParleyError

from scoring.errors import ASSESSMENT_ERRORS

LENGTHS = struct.Struct(">II")
"""The lengths of head and body in bytes."""

ERRORS_BY_NAME = {error.__name__: error for error in ASSESSMENT_ERRORS}


def pack(head: Any, body_length: int = 0) -> bytes:
    document = json.dumps(head).encode()
    return LENGTHS.pack(len(document), body_length) + document


def encode_error(error: ParleyError) -> dict[str, Any]:
    return {"name": type(error).__name__, "detail": error.detail, "extra": error.extra}


def decode_error(name: str, detail: str, extra: dict[str, Any]) -> ParleyError:
    """Rebuild an error that a worker raised. Only the names of ASSESSMENT_ERRORS are accepted."""
    return ERRORS_BY_NAME[name](detail, **extra)
