import io
import wave
from uuid import uuid4

import httpx
import pytest
from content.app import create_app
from content.audio import validation
from content.models import Speech
from content.settings import ApiSettings
from shared.data.db import Database
from shared.data.storage import Storage
from shared.testing import TokenFor, api_client
from sqlalchemy import func, select

SPEECHES = "/api/v1/admin/speeches"


def create_body(key: str) -> dict[str, str]:
    return {"text": "Is it far?", "level": "A1", "type": "question", "audio_key": key}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "audio_not_found"),
        (b"This is no recording.", "unsupported_audio"),
        (b"", "unsupported_audio"),
        (b"\xff\xfb\x90\x00" + bytes(413), "audio_too_large"),
    ],
)
async def test_an_object_that_is_not_a_recording_is_refused(
    editor: httpx.AsyncClient,
    storage: Storage,
    committed_database: Database,
    content: bytes | None,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validation, "MAX_AUDIO_BYTES", 100)
    key = f"uploads/{uuid4()}.mp3"
    if content is not None:
        await storage.put(key, content, content_type="audio/mpeg")
    response = await editor.post(SPEECHES, json=create_body(key))
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.json()["errors"][0]["pointer"] == "#/audio_key"
    async with committed_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Speech)) == 0


def create_wav(seconds: int, *, rate: int = 8_000) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 1, rate, 0, "NONE", ""))
        file.writeframes(b"\x80" * seconds * rate)
    return content.getvalue()


async def test_a_recording_that_lasts_too_long_is_refused(
    editor: httpx.AsyncClient, storage: Storage
) -> None:
    for seconds, expected in ((300, 201), (302, 422)):
        key = f"uploads/{uuid4()}.wav"
        await storage.put(key, create_wav(seconds), content_type="audio/wav")
        response = await editor.post(SPEECHES, json=create_body(key))
        assert response.status_code == expected
    assert response.json()["code"] == "audio_too_long"


async def test_the_duration_is_measured_rather_than_read_from_the_header(
    editor: httpx.AsyncClient, storage: Storage
) -> None:
    key = f"uploads/{uuid4()}.wav"
    complete = create_wav(10)
    await storage.put(key, complete[: len(complete) // 2], content_type="audio/wav")
    response = await editor.post(SPEECHES, json=create_body(key))
    assert response.json()["duration_ms"] == pytest.approx(5_000, abs=10)


async def test_no_speech_is_created_without_the_storage(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor
) -> None:
    app = create_app(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))
    async with api_client(app, token=token_for(uuid4(), "admin")) as editor:
        response = await editor.post(SPEECHES, json=create_body("uploads/x.mp3"))
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
