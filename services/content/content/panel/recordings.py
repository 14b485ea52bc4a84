from shared.audio.measurement import MAX_AUDIO_BYTES
from shared.data.storage import ObjectNotFound, ObjectTooLarge, Storage
from shared.http.fields import clean_text
from starlette.responses import Response

from content.errors import RecordingNotFound

FOLDERS = ("seed/", "uploads/", "speeches/")
"""The folders that contain only recordings; `imports/` also contains tables."""
MAX_KEY_LENGTH = 1024


async def read_recording(storage: Storage, key: str) -> Response:
    """Return the bytes of a recording, which browsers recognise by their content."""
    parts = key.split("/")
    if not key.startswith(FOLDERS) or len(key) > MAX_KEY_LENGTH or {"", ".", ".."}.intersection(parts):
        raise RecordingNotFound("There is no such recording.")
    try:
        content = await storage.read(clean_text(key), max_bytes=MAX_AUDIO_BYTES)
    except (ObjectNotFound, ObjectTooLarge, ValueError) as error:
        raise RecordingNotFound("There is no such recording.") from error
    return Response(content, media_type="application/octet-stream")
