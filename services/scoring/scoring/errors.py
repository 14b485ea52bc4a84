"""What scoring answers instead of scores."""

from typing import Any

from shared.errors import BadRequest, Invalid, ParleyError, PayloadTooLarge, TimedOut, Unavailable


class UnsupportedAudio(BadRequest):
    """The audio is in no format that is taken, or damaged."""

    code, title = "unsupported_audio", "Unsupported audio"


class MalformedForm(BadRequest):
    """The body is not multipart/form-data, or breaks its rules."""

    code, title = "malformed_form", "Malformed form"


class AudioTooLarge(PayloadTooLarge):
    """The audio has too many bytes."""

    code, title = "audio_too_large", "Audio too large"


class AudioTooLong(PayloadTooLarge):
    """The audio plays for too long."""

    code, title = "audio_too_long", "Audio too long"


class NotAssessable(Invalid):
    """No pronunciation can be judged from the recording; `reason` says why."""

    code, title = "not_assessable", "Not assessable"


class ProviderUnavailable(Unavailable):
    """The speech provider is down or has too much to do."""

    code, title = "provider_unavailable", "Speech provider unavailable"


class ProviderTimeout(TimedOut):
    """The speech provider did not answer in time."""

    code, title = "provider_timeout", "Speech provider timed out"


REFUSED = {leaf.code: leaf for leaf in (UnsupportedAudio, AudioTooLong, NotAssessable, Invalid)}


def refused(code: str, detail: str, members: dict[str, Any]) -> ParleyError:
    """The error for a Refusal that a worker process has reported."""
    return REFUSED[code](detail, **members)
