import io

from tinytag import TinyTag, TinyTagException


class UnknownAudioFormat(ValueError):
    """The content has no known audio format, or no length."""


def read_duration_ms(content: bytes) -> int:
    """Return the length in whole frames, which may exceed that of the source. Raises UnknownAudioFormat."""
    try:
        seconds = TinyTag.get(file_obj=io.BytesIO(content), tags=False).duration
    except TinyTagException as error:
        raise UnknownAudioFormat("The audio format is not known.") from error
    if not seconds:
        raise UnknownAudioFormat("The recording has no length.")
    return max(1, round(seconds * 1000))
