"""Serialises the errors that a confined process raises, and rebuilds them in the API."""

from typing import Any

from scoring.errors import ASSESSMENT_ERRORS, SpeechProcessingError

ERRORS_BY_NAME = {error.__name__: error for error in ASSESSMENT_ERRORS}


def encode_error(error: SpeechProcessingError) -> dict[str, Any]:
    return {"name": type(error).__name__, "detail": error.detail, "extra": error.extra}


def decode_error(name: str, detail: str, extra: dict[str, Any]) -> SpeechProcessingError:
    """Rebuild an error. Only the names of ASSESSMENT_ERRORS are accepted."""
    return ERRORS_BY_NAME[name](detail, **extra)
