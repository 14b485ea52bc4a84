"""The previous release works on the schema of this version, so that a rollout can be undone."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from deploy.local.stack import Stack
from tests.importing import ENDED, start, upload
from tests.journey import Learner, build_session
from tests.previous_release import deploy, extract

pytestmark = pytest.mark.journey

SPEECHES, TAGS = "/api/v1/admin/speeches", "/api/v1/admin/tags"
ADMIN = {"email": "admin@example.com", "password": "AdminPass123"}


async def test_the_previous_release_works_on_the_new_schema(system: Stack) -> None:
    code = await asyncio.to_thread(extract, system.run.folder / "previous")
    with deploy(system, code) as url:
        async with httpx.AsyncClient(base_url=url, timeout=20) as client, asyncio.timeout(60):
            await use(client)


async def use(client: httpx.AsyncClient) -> None:
    learner = await Learner.sign_up(client)
    signed_in = (await client.post("/api/v1/auth/login", json=ADMIN)).raise_for_status().json()
    admin = Learner(client, signed_in["user"], signed_in["access_token"])
    await play(learner, admin)
    await edit(admin)
    await import_one(admin)


async def play(learner: Learner, admin: Learner) -> None:
    """Draw a speech, save a game with it, and wait until the game is counted."""
    [speech] = await learner.draw(level="C1", limit=1)
    path = f"/admin/speeches/{speech['id']}"
    plays = (await admin.get(path)).json()["statistics"]["plays"]
    saved = await learner.post("/game/sessions", build_session([speech], level="C1"))
    assert saved.status_code == 201, saved.text
    sessions = (await learner.get("/game/sessions")).json()["sessions"]
    assert [session["id"] for session in sessions] == [saved.json()["session_id"]]
    assert (await learner.get("/game/stats")).json()["sessions"] == 1
    while (await admin.get(path)).json()["statistics"]["plays"] == plays:  # noqa: ASYNC110 - the worker's
        await asyncio.sleep(0.1)


async def edit(admin: Learner) -> None:
    """Create a tag and a speech with it, change both, and delete them."""
    client = httpx.AsyncClient(base_url=admin.client.base_url, headers=admin.headers, timeout=20)
    async with client:
        name, text = f"tag {uuid4().hex}", f"Hello {uuid4().hex}."
        [speech, *_] = (await client.get(SPEECHES)).json()["speeches"]
        tag = (await client.post(TAGS, json={"name": name, "category": "x"})).raise_for_status().json()
        fields = {"text": text, "level": "C2", "type": "answer", "tag_ids": [tag["id"]]}
        added = await client.post(SPEECHES, json=fields | {"audio_key": speech["audio_key"]})
        path = added.raise_for_status().headers["location"]
        renamed = await client.put(f"{TAGS}/{tag['id']}", json={"name": f"{name} renamed"})
        assert renamed.raise_for_status().json()["speech_count"] == 1
        changed = await client.put(path, json={"text": f"{text} Bye."})
        assert changed.raise_for_status().json()["text"] == f"{text} Bye."
        assert (await client.delete(path)).status_code == 204
        assert (await client.delete(f"{TAGS}/{tag['id']}")).status_code == 204


async def import_one(admin: Learner) -> None:
    """Upload a recording and import its sentence."""
    session_id = await upload(admin, "one.mp3")
    path = await start(admin, session_id, [["one.mp3", f"Hello {uuid4().hex}.", "C2", "answer", ""]])
    state = ""
    while state not in ENDED:
        state = (await admin.get(path.removeprefix("/api/v1"))).json()["state"]
        await asyncio.sleep(0.1)
    assert state == "completed"
