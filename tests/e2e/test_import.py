"""An import with several editors and learners: played speeches survive the undo, and roles limit access."""

import asyncio
import io
import math
import struct
import time
import wave
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.importing import IMPORT, start, wait_for_end
from tests.journey import Learner, build_session, make_editor
from tests.operations import OPERATIONS, Operation

pytestmark = pytest.mark.journey

DRAWN_WITHIN_SECONDS = 2.0


def make_tone(pitch: int) -> bytes:
    """Return a second of a tone as WAV."""
    rate, file = 16_000, io.BytesIO()
    samples = [round(9_000 * math.sin(2 * math.pi * pitch * position / rate)) for position in range(rate)]
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(struct.pack(f"<{rate}h", *samples))
    return file.getvalue()


async def upload_tones(editor: Learner, names: list[str], **fields: str) -> httpx.Response:
    files = [("files[]", (name, make_tone(300 + 100 * index))) for index, name in enumerate(names)]
    return await editor.client.post(f"{IMPORT}/audio", files=files, data=fields, headers=editor.headers)


@pytest.fixture
async def editor(admin: Learner) -> Learner:
    return await make_editor(admin)


async def draw_new(learner: Learner, tag: str) -> list[dict[str, Any]]:
    """Draw the speeches with this tag. Fails if that is not possible soon after their import."""
    completed_at = time.monotonic()
    tags = (await learner.get("/tags")).json()["tags"]
    [tag_id] = [listed_tag["id"] for listed_tag in tags if listed_tag["name"] == tag]
    while (drawn := await learner.post("/game/speeches/random", {"level": "C2", "tags": [tag_id]})).is_error:
        assert time.monotonic() - completed_at < DRAWN_WITHIN_SECONDS, drawn.text
        await asyncio.sleep(0.05)
    speeches: list[dict[str, Any]] = drawn.json()["speeches"]
    return speeches


async def play(learner: Learner, speech: dict[str, Any]) -> str:
    """Save a game with this speech as soon as the game service has it; return the id of the session."""
    game, key = build_session([speech], level="C2"), {"Idempotency-Key": uuid4().hex}
    async with asyncio.timeout(10):
        while (  # noqa: ASYNC110 - another system's work
            saved := await learner.post("/game/sessions", game, **key)
        ).status_code == 409:
            await asyncio.sleep(0.1)
    assert saved.status_code == 201, saved.text
    return str(saved.json()["session_id"])


async def wait_for_play(editor: Learner, speech_id: str) -> None:
    async with asyncio.timeout(10):
        while not (await editor.get(f"/admin/speeches/{speech_id}")).json()["statistics"]["plays"]:  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0.1)


async def wait_until_gone(url: str) -> None:
    async with asyncio.timeout(15), httpx.AsyncClient() as browser:
        while (await browser.get(url)).status_code != 404:  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0.1)


async def correct_and_import(editor: Learner, tag: str) -> str:
    """Import a table with errors, then the corrected one; return the path of the second import."""
    uploaded = await upload_tones(editor, ["one.wav", "two.wav"])
    assert uploaded.json()["rejected"] == [], uploaded.text
    session_id = uploaded.json()["upload_session_id"]
    rows = [[f"{name}.wav", f"{name} {tag[-12:]}", "C2", "answer", tag] for name in ("one", "two")]
    wrong = [rows[0], ["tow.wav", *rows[1][1:]]]
    path = await start(editor, session_id, wrong)
    assert (await wait_for_end(editor, path))["state"] == "rejected"
    report = await editor.client.get(f"{path}/errors.csv", headers=editor.headers)
    assert "audio_missing" in report.text
    path = await start(editor, session_id, rows)
    last = await wait_for_end(editor, path)
    assert (last["state"], last["success_count"]) == ("completed", 2), last
    return path


@pytest.mark.timed
async def test_played_speeches_survive_the_undo_of_their_import(editor: Learner, learner: Learner) -> None:
    tag = f"tag {uuid4().hex}"
    path = await correct_and_import(editor, tag)
    played, unplayed = await draw_new(learner, tag)
    async with httpx.AsyncClient() as browser:
        played_audio = (await browser.get(played["audio_url"])).content
        assert (await browser.get(unplayed["audio_url"])).status_code == 200
    session_id = await play(learner, played)
    await wait_for_play(editor, played["id"])

    undone = await editor.post(path.removeprefix("/api/v1") + "/undo", None)
    assert undone.status_code == 202, undone.text
    last = await wait_for_end(editor, path)
    assert (last["state"], last["deleted_count"], last["archived_count"]) == ("undone", 1, 1)
    archived = await editor.get(f"/admin/speeches/{played['id']}")
    assert archived.json()["archived_at"], archived.text
    assert (await editor.get(f"/admin/speeches/{unplayed['id']}")).status_code == 404
    await wait_until_gone(unplayed["audio_url"])
    game_session = (await learner.get(f"/game/sessions/{session_id}")).json()
    [result] = game_session["results"]
    assert (result["speech"]["text"], result["user_response"]) == (played["text"], "correct")
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(result["speech"]["audio_url"])).content == played_audio


IMPORT_CALLS = [operation for operation in OPERATIONS if operation.path.startswith(IMPORT)]


@pytest.mark.parametrize("call", IMPORT_CALLS, ids=str)
async def test_a_learner_cannot_import(learner: Learner, call: Operation) -> None:
    response = await learner.client.request(call.method, call.address, headers=learner.headers)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden"), response.text


async def test_editors_see_uploads_of_others_but_cannot_use_them(admin: Learner, editor: Learner) -> None:
    session_id = (await upload_tones(editor, ["mine.wav"])).json()["upload_session_id"]
    other = await make_editor(admin)
    upload_session = await other.get(f"/admin/import/uploads/{session_id}")
    assert upload_session.status_code == 200, upload_session.text
    upload_response = await upload_tones(other, ["other.wav"], upload_session_id=session_id)
    table = await other.client.post(
        f"{IMPORT}/csv",
        files={"file": ("x.csv", b"audio_filename,text,level\nmine.wav,Hello.,A1\n")},
        data={"upload_session_id": session_id},
        headers=other.headers,
    )
    for refused in (upload_response, table):
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_upload_session"), refused.text
