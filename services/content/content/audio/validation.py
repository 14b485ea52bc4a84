"""Validation."""

import asyncio

from shared.errors import invalid
from shared.storage import NoSuchObject, ObjectTooLarge, Storage

from content.audio.metadata import NotARecording, duration_ms_of
from content.errors import AudioNotFound, AudioTooLarge, AudioTooLong, UnsupportedAudio

FIELD = "#/audio_key"


MOST_BYTES = 10_485_760


MOST_MS = 300_000


async def duration_of(storage: Storage, key: str) -> int:
    """The length in milliseconds of the recording under a key.

    Raises AudioNotFound, AudioTooLarge, UnsupportedAudio, AudioTooLong, and StorageDown.
    """
    try:
        content = await storage.read(key, most_bytes=MOST_BYTES)
        duration_ms = await asyncio.to_thread(duration_ms_of, content)
    except NoSuchObject as error:
        raise invalid(FIELD, "no such recording was uploaded", of=AudioNotFound) from error
    except ObjectTooLarge as error:
        message = f"the recording must have at most {MOST_BYTES} bytes"
        raise invalid(FIELD, message, of=AudioTooLarge) from error
    except NotARecording as error:
        raise invalid(FIELD, "what was uploaded is no audio that we know", of=UnsupportedAudio) from error
    if duration_ms > MOST_MS:
        raise invalid(FIELD, f"the recording must last at most {MOST_MS // 1000} s", of=AudioTooLong)
    return duration_ms
