"""Errors that a client can get from the content service."""

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed, Unavailable


class SpeechNotFound(NotFound):
    """No speech has this id."""

    code = "speech_not_found"


class NoSpeechesMatch(NotFound):
    """No speech matches the request, or all matching speeches are excluded."""

    code = "no_speeches_match"


class CatalogueUnavailable(Unavailable):
    """The catalogue is being loaded, or cannot be refreshed; try again after `Retry-After`."""

    code = "catalogue_unavailable"


class ChangedMeanwhile(PreconditionFailed):
    """The speech has changed since the client read it."""

    code = "changed_meanwhile"


class UnknownTag(Invalid):
    """One of the tags does not exist."""

    code = "unknown_tag"


class AudioNotFound(Invalid):
    """The object storage has no recording under the key."""

    code = "audio_not_found"


class RecordingNotFound(NotFound):
    """No recording is stored under the key."""

    code = "recording_not_found"


class AudioTooLarge(Invalid):
    """The recording is larger than 10 MiB."""

    code = "audio_too_large"


class AudioTooLong(Invalid):
    """The recording lasts longer than five minutes."""

    code = "audio_too_long"


class UnsupportedAudio(Invalid):
    """The object under the key is not audio in a supported format."""

    code = "unsupported_audio"


class TagNotFound(NotFound):
    """No tag has this id."""

    code = "tag_not_found"


class TagExists(Conflict):
    """Another tag has this name, ignoring case."""

    code = "tag_exists"

    def __init__(self, name: str) -> None:
        detail = f"A tag named {name} already exists."
        super().__init__(detail, errors=[{"pointer": "#/name", "message": detail}])


class TagInUse(Conflict):
    """A tag in use cannot be deleted."""

    code = "tag_in_use"


class TagBeingMerged(Conflict):
    """One of the tags is part of another merge, which finishes within minutes."""

    code = "tag_being_merged"
