"""Errors that a client can get from scoring, besides those of `shared.errors`."""

from typing import Any

from shared.errors import BadRequest, Invalid, PayloadTooLarge, TimedOut, Unavailable

from scoring.types import NotAssessableReason


class UnsupportedAudio(BadRequest):
    code, title = "unsupported_audio", "Unsupported audio"


class MalformedForm(BadRequest):
    code, title = "malformed_form", "Malformed form"


class AudioTooLarge(PayloadTooLarge):
    code, title = "audio_too_large", "Audio too large"


class AudioTooLong(PayloadTooLarge):
    code, title = "audio_too_long", "Audio too long"


class NotAssessable(Invalid):
    code, title = "not_assessable", "Not assessable"

    def __init__(self, detail: str, *, reason: NotAssessableReason) -> None:
        super().__init__(detail, reason=reason)


class UnpronounceableText(Invalid):
    def __init__(self, detail: str, **extra: Any) -> None:
        field_error = {"pointer": "#/reference_text", "message": detail}
        super().__init__(detail, **{"errors": [field_error], **extra})


class ProviderUnavailable(Unavailable):
    code, title = "provider_unavailable", "Speech provider unavailable"


class ProviderTimeout(TimedOut):
    code, title = "provider_timeout", "Speech provider timed out"


ASSESSMENT_ERRORS = (UnsupportedAudio, AudioTooLong, NotAssessable, UnpronounceableText)
"""Verdicts on the recording or its text. They are not failures of the provider."""
