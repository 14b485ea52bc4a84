"""An editor changes the catalogue, through the gateway and across services."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journey import Learner, build_session

pytestmark = pytest.mark.journey

SPEECHES, TAGS = "/api/v1/admin/speeches", "/api/v1/admin/tags"


async def test_a_speech_is_created_played_and_deleted(
    gateway: httpx.AsyncClient, admin: Learner, learner: Learner
) -> None:
    search_response = await gateway.get(
        SPEECHES, params={"search": '"lost my passport"'}, headers=admin.headers
    )
    assert search_response.status_code == 200, search_response.text
    [first_speech] = search_response.json()["speeches"]
    name = f"tag {uuid4().hex}"
    tag = (await gateway.post(TAGS, json={"name": name, "category": "x"}, headers=admin.headers)).json()
    fields = {"text": "Where is my passport?", "level": "C2", "type": "question", "tag_ids": [tag["id"]]}
    added = await gateway.post(
        SPEECHES, json=fields | {"audio_key": first_speech["audio_key"]}, headers=admin.headers
    )
    assert added.status_code == 201, added.text
    speech, path = added.json(), added.headers["location"]
    assert speech["duration_ms"] == first_speech["duration_ms"]
    assert name in [tag["name"] for tag in (await gateway.get("/api/v1/tags")).json()["tags"]]

    renamed = await gateway.put(
        f"{TAGS}/{tag['id']}", json={"name": f"{name} renamed"}, headers=admin.headers
    )
    assert renamed.json()["speech_count"] == 1
    assert name not in [tag["name"] for tag in (await gateway.get("/api/v1/tags")).json()["tags"]]
    async with asyncio.timeout(15):
        # The worker creates a revision of every speech with the tag, and the game receives its event.
        while await play_and_list_tags(learner, speech) != [f"{name} renamed"]:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
    assert (await gateway.get(path, headers=admin.headers)).json()["revision"] == 2

    assert (await gateway.delete(f"{TAGS}/{tag['id']}", headers=admin.headers)).status_code == 409
    assert (await gateway.delete(path, headers=admin.headers)).status_code == 204
    assert (await gateway.delete(f"{TAGS}/{tag['id']}", headers=admin.headers)).status_code == 204
    assert (await learner.get(f"/speeches/{speech['id']}")).status_code == 404
    assert (await learner.get("/admin/speeches")).status_code == 403


async def test_an_archived_speech_is_not_drawn_but_stays_in_games(
    gateway: httpx.AsyncClient, admin: Learner, learner: Learner
) -> None:
    [first_speech, *_] = (await gateway.get(SPEECHES, headers=admin.headers)).json()["speeches"]
    tag = (
        await gateway.post(TAGS, json={"name": f"tag {uuid4().hex}", "category": "x"}, headers=admin.headers)
    ).json()
    fields = {"text": "Where is it?", "level": "C2", "type": "question", "tag_ids": [tag["id"]]}
    fields["audio_key"] = first_speech["audio_key"]
    speech = (await gateway.post(SPEECHES, json=fields, headers=admin.headers)).json()
    path, draw = f"{SPEECHES}/{speech['id']}", {"level": "C2", "tags": [tag["id"]]}
    async with asyncio.timeout(15):
        # The game accepts it after its event has arrived, and the catalogues draw it within a second.
        while not await play_and_list_tags(learner, speech):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
        while (await learner.post("/game/speeches/random", draw)).status_code != 200:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)

    archived = await gateway.put(path, json={"archived": True}, headers=admin.headers)
    assert (archived.status_code, archived.json()["archived"]) == (200, True)
    assert (await learner.post("/game/speeches/random", draw)).status_code == 404
    assert (await learner.get(f"/speeches/{speech['id']}")).status_code == 200
    assert await play_and_list_tags(learner, speech) == [tag["name"]]
    audit = await admin.get("/admin/content/audit", subject_id=speech["id"], action="speech_archived")
    assert [entry["actor_id"] for entry in audit.json()["entries"]] == [admin.user["id"]]
    assert (await learner.get("/admin/content/audit")).status_code == 403
    assert (await gateway.delete(path, headers=admin.headers)).status_code == 204


async def play_and_list_tags(learner: Learner, speech: dict[str, Any]) -> list[str]:
    """Return a speech's tags in a new game; none until the game service has the speech."""
    now = datetime.now(UTC)
    times = {"started_at": now.isoformat(), "completed_at": (now + timedelta(seconds=1)).isoformat()}
    saved = await learner.post("/game/sessions", build_session([speech], **times))
    if saved.status_code == 409:
        return []
    session = (await learner.get(f"/game/sessions/{saved.json()['session_id']}")).json()
    return [tag["name"] for tag in session["results"][0]["speech"]["tags"]]
