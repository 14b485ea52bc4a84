"""What a recording says of itself, without decoding it."""

import io

from tinytag import TinyTag, TinyTagException


class UnknownAudioFormat(ValueError):
    """The content is in none of the known audio formats, or has no length."""


def read_duration_ms(content: bytes) -> int:
    """The length of a recording in milliseconds. Raises NotARecording.

    It is counted in whole frames: an MP3 may be up to 0.1 s longer than what it was encoded from.
    """
    try:
        seconds = TinyTag.get(file_obj=io.BytesIO(content), tags=False).duration
    except TinyTagException as error:
        raise UnknownAudioFormat("The audio format is not known.") from error
    if not seconds:
        raise UnknownAudioFormat("The recording has no length.")
    return max(1, round(seconds * 1000))
