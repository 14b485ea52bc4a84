"""Errors that a client can get."""

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed


class SpeechNotFound(NotFound):
    """There is no speech with this id."""

    code = "speech_not_found"


class NoSpeechesMatch(NotFound):
    """A draw from nothing: no speech is as asked for, or all that are were excluded."""

    code = "no_speeches_match"


class UnknownTag(Invalid):
    """A speech is to carry a tag that does not exist."""

    code = "unknown_tag"


class AudioNotFound(Invalid):
    """There is no recording under the key."""

    code = "audio_not_found"


class AudioTooLarge(Invalid):
    """The recording has too many bytes."""

    code = "audio_too_large"


class AudioTooLong(Invalid):
    """The recording lasts too long."""

    code = "audio_too_long"


class UnsupportedAudio(Invalid):
    """What lies under the key is no audio of a known format."""

    code = "unsupported_audio"


class TagNotFound(NotFound):
    """There is no tag with this id."""

    code = "tag_not_found"


class TagExists(Conflict):
    """There is a tag of this name, perhaps in another way of writing."""

    code = "tag_exists"


class TagInUse(Conflict):
    """A tag that speeches carry cannot be deleted."""

    code = "tag_in_use"


class ChangedMeanwhile(PreconditionFailed):
    """The speech is no longer what the client has seen."""

    code = "changed_meanwhile"
