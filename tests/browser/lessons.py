"""Tags and speeches for tests, created through the API."""

from typing import Any
from uuid import uuid4

from tests.journey import Learner


async def add_tag(admin: Learner, name: str = "", category: str = "test") -> dict[str, Any]:
    response = await admin.post("/admin/tags", {"name": name or f"tag {uuid4().hex}", "category": category})
    assert response.status_code == 201, response.text
    tag: dict[str, Any] = response.json()
    return tag


async def find_audio_key(admin: Learner) -> str:
    """Return the key of an existing recording."""
    [speech, *_] = (await admin.get("/admin/speeches", search="passport")).json()["speeches"]
    return str(speech["audio_key"])


async def add_speech(admin: Learner, text: str, *tags: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    fields = {"text": text, "level": "B1", "type": "answer", "tag_ids": [tag["id"] for tag in tags]}
    audio_key = overrides.pop("audio_key", None) or await find_audio_key(admin)
    response = await admin.post("/admin/speeches", {**fields, "audio_key": audio_key, **overrides})
    assert response.status_code == 201, response.text
    speech: dict[str, Any] = response.json()
    return speech
