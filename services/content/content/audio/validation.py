"""Whether a speech can use an uploaded recording."""

import asyncio

from shared.errors import invalid
from shared.storage import NoSuchObject, ObjectTooLarge, Storage

from content.audio.metadata import UnknownAudioFormat, read_duration_ms
from content.errors import AudioNotFound, AudioTooLarge, AudioTooLong, UnsupportedAudio

FIELD = "#/audio_key"
MAX_AUDIO_BYTES = 10_485_760
MAX_AUDIO_MS = 300_000


async def measure_recording(storage: Storage, key: str) -> int:
    """Return the length in milliseconds of the recording under a key.

    Raises AudioNotFound, AudioTooLarge, UnsupportedAudio, AudioTooLong and StorageDown.
    """
    try:
        content = await storage.read(key, most_bytes=MAX_AUDIO_BYTES)
        duration_ms = await asyncio.to_thread(read_duration_ms, content)
    except NoSuchObject as error:
        raise invalid(FIELD, "no recording was uploaded under this key", of=AudioNotFound) from error
    except ObjectTooLarge as error:
        message = f"the recording must have at most {MAX_AUDIO_BYTES} bytes"
        raise invalid(FIELD, message, of=AudioTooLarge) from error
    except UnknownAudioFormat as error:
        raise invalid(FIELD, "the object is not audio of a known format", of=UnsupportedAudio) from error
    if duration_ms > MAX_AUDIO_MS:
        raise invalid(FIELD, f"the recording must last at most {MAX_AUDIO_MS // 1000} s", of=AudioTooLong)
    return duration_ms
