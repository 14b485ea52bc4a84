"""What a recording says of itself, without decoding it."""

import io

from tinytag import TinyTag, TinyTagException


class NotARecording(ValueError):
    """The content is in none of the known audio formats, or has no length."""


def duration_ms_of(content: bytes) -> int:
    """The length of a recording in milliseconds. Raises NotARecording.

    It is counted in whole frames: an MP3 may be up to 0.1 s longer than what it was encoded from.
    """
    try:
        seconds = TinyTag.get(file_obj=io.BytesIO(content), tags=False).duration
    except TinyTagException as error:
        raise NotARecording("The audio format is not known.") from error
    if not seconds:
        raise NotARecording("The recording has no length.")
    return max(1, round(seconds * 1000))
