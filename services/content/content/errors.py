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
    """The speech has another revision than the client has seen."""

    code = "changed_meanwhile"


class UnknownTag(Invalid):
    """A speech cannot carry a tag that does not exist."""

    code = "unknown_tag"


class AudioNotFound(Invalid):
    """The object storage has no recording under the key."""

    code = "audio_not_found"


class RecordingNotFound(NotFound):
    """No recording is stored under the key."""

    code = "recording_not_found"


class AudioTooLarge(Invalid):
    """The recording has more than 10 MiB."""

    code = "audio_too_large"


class AudioTooLong(Invalid):
    """The recording lasts longer than five minutes."""

    code = "audio_too_long"


class UnsupportedAudio(Invalid):
    """The object under the key is not audio of a known format."""

    code = "unsupported_audio"


class TagNotFound(NotFound):
    """No tag has this id."""

    code = "tag_not_found"


class TagExists(Conflict):
    """Another tag has this name, perhaps in another case."""

    code = "tag_exists"

    def __init__(self, name: str) -> None:
        detail = f"There is a tag {name} already."
        super().__init__(detail, errors=[{"pointer": "#/name", "message": detail}])


class TagInUse(Conflict):
    """A tag that speeches carry cannot be deleted."""

    code = "tag_in_use"


class TagBeingMerged(Conflict):
    """One of the tags takes part in another merge, which ends within minutes."""

    code = "tag_being_merged"
