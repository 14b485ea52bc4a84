"""What routes answer: speeches as JSON, and the parts of the API reference that routes share."""

from typing import Any

from shared.errors import ParleyError
from shared.storage import Storage

from content.domain.speeches import SpeechRow

type Responses = dict[int | str, dict[str, Any]]

ETAG = {
    "ETag": {"description": "Send it as `If-None-Match` or `If-Match`.", "schema": {"type": "string"}},
}
LOCATION = {"Location": {"description": "Path of the new resource.", "schema": {"type": "string"}}}


def describe(*errors: type[ParleyError]) -> dict[str, Any]:
    """Describe an error response by the codes that it can have, and when it has them."""
    return {"description": "\n".join(f"- `{error.code}`: {error.__doc__}" for error in errors)}


def to_speech_fields(speech: SpeechRow, storage: Storage) -> dict[str, Any]:
    """Return the fields of SpeechRead, and `audio_key`, with ids as text."""
    audio_url, expires_at = storage.presigned(speech.audio_key)
    return {
        **speech._asdict(),
        # The JSON writer takes ten times as long for the UUID class of the database driver.
        "id": str(speech.id),
        "tags": [{"id": str(tag_id), "name": name} for tag_id, name in speech.tags],
        "audio_url": audio_url,
        "audio_expires_at": expires_at,
    }
