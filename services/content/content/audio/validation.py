from shared.audio.measurement import MAX_AUDIO_BYTES, MAX_AUDIO_SECONDS, AudioTooLong, UndecodableAudio
from shared.audio.measurer import Measurer
from shared.data.storage import ObjectNotFound, ObjectTooLarge, Storage
from shared.errors import field_error

from content import errors
from content.errors import AudioNotFound, AudioTooLarge, UnsupportedAudio

FIELD = "#/audio_key"


async def measure_recording(storage: Storage, measurer: Measurer, key: str) -> int:
    """Return the length in milliseconds of the recording under a key, as it was decoded.

    Raises AudioNotFound, AudioTooLarge, UnsupportedAudio, AudioTooLong, StorageUnavailable and
    MeasuringUnavailable.
    """
    try:
        content = await storage.read(key, max_bytes=MAX_AUDIO_BYTES)
        measurement = await measurer.measure(content)
    except ObjectNotFound as error:
        message = "no recording was uploaded under this key"
        raise field_error(FIELD, message, error_type=AudioNotFound) from error
    except ObjectTooLarge as error:
        message = f"the recording must have at most {MAX_AUDIO_BYTES} bytes"
        raise field_error(FIELD, message, error_type=AudioTooLarge) from error
    except UndecodableAudio as error:
        message = str(error).removesuffix(".")
        raise field_error(FIELD, message, error_type=UnsupportedAudio) from error
    except AudioTooLong as error:
        message = f"the recording must last at most {MAX_AUDIO_SECONDS} s"
        raise field_error(FIELD, message, error_type=errors.AudioTooLong) from error
    return measurement.duration_ms
