import asyncio

from shared.data.storage import ObjectNotFound, ObjectTooLarge, Storage
from shared.errors import field_error

from content.audio.metadata import UnknownAudioFormat, read_duration_ms
from content.errors import AudioNotFound, AudioTooLarge, AudioTooLong, UnsupportedAudio

FIELD = "#/audio_key"
MAX_AUDIO_BYTES = 10_485_760
MAX_AUDIO_MS = 300_000


async def measure_recording(storage: Storage, key: str) -> int:
    """Return the length in milliseconds of the recording under a key.

    Raises AudioNotFound, AudioTooLarge, UnsupportedAudio, AudioTooLong and StorageUnavailable.
    """
    try:
        content = await storage.read(key, max_bytes=MAX_AUDIO_BYTES)
        duration_ms = await asyncio.to_thread(read_duration_ms, content)
    except ObjectNotFound as error:
        raise field_error(
            FIELD, "no recording was uploaded under this key", error_type=AudioNotFound
        ) from error
    except ObjectTooLarge as error:
        message = f"the recording must have at most {MAX_AUDIO_BYTES} bytes"
        raise field_error(FIELD, message, error_type=AudioTooLarge) from error
    except UnknownAudioFormat as error:
        raise field_error(
            FIELD, "the object is not audio of a known format", error_type=UnsupportedAudio
        ) from error
    if duration_ms > MAX_AUDIO_MS:
        raise field_error(
            FIELD, f"the recording must last at most {MAX_AUDIO_MS // 1000} s", error_type=AudioTooLong
        )
    return duration_ms
