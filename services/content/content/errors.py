"""Errors that a client can get from the content service."""

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed, Unavailable


class SpeechNotFound(NotFound):
    """No speech has this id."""

    code = "speech_not_found"


class NoSpeechesMatch(NotFound):
    """No speech matches a draw, or all matching speeches are excluded."""

    code = "no_speeches_match"


class CatalogueUnavailable(Unavailable):
    """The process has not loaded its catalogue yet, or can no longer refresh it."""

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


class AudioTooLarge(Invalid):
    """The recording has too many bytes."""

    code = "audio_too_large"


class AudioTooLong(Invalid):
    """The recording lasts too long."""

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


class TagInUse(Conflict):
    """A tag that speeches carry cannot be deleted."""

    code = "tag_in_use"
