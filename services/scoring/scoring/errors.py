"""What scoring answers instead of scores."""

from collections.abc import Callable

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


class UnpronounceableText(Invalid):
    """The reference text is made of words whose pronunciation nobody knows."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, errors=[{"pointer": "#/reference_text", "message": detail}])


class ProviderUnavailable(Unavailable):
    """The speech provider is down or has too much to do."""

    code, title = "provider_unavailable", "Speech provider unavailable"


class ProviderTimeout(TimedOut):
    """The speech provider did not answer in time."""

    code, title = "provider_timeout", "Speech provider timed out"


REFUSED: dict[str, Callable[..., ParleyError]] = {
    leaf.code: leaf for leaf in (UnsupportedAudio, AudioTooLong, NotAssessable, UnpronounceableText)
}


def refused(code: str, detail: str, members: dict[str, str | int]) -> ParleyError:
    """The error for a Refusal that a worker process has reported."""
    return REFUSED[code](detail, **members)
