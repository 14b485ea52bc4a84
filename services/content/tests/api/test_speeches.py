import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.app import create_app
from content.commands.plays import count_plays
from content.settings import ApiSettings
from contracts.content import SpeechCreated, SpeechDeleted, SpeechUpdated
from contracts.game import CompletedResult
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import TokenFor, api_client, outbox_events

type Add = Callable[..., Awaitable[UUID]]

SPEECHES = "/api/v1/admin/speeches"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000000"


def create_body(key: str, **overrides: Any) -> dict[str, Any]:
    return {"text": "Is it far?", "level": "A1", "type": "question", "audio_key": key, **overrides}


async def test_a_speech_is_created(editor: httpx.AsyncClient, committed_database: Database, key: str) -> None:
    tag = (await editor.post("/api/v1/admin/tags", json={"name": "travel", "category": "topic"})).json()
    response = await editor.post(
        SPEECHES, json=create_body(key, text=" Is it far? ", tag_ids=[tag["id"]] * 2)
    )
    assert response.status_code == 201
    speech = response.json()
    assert response.headers["location"] == f"{SPEECHES}/{speech['id']}"
    assert response.headers["etag"] == '"1"'
    assert (speech["text"], speech["duration_ms"], speech["audio_key"]) == ("Is it far?", 522, key)
    assert speech["tags"] == [{"id": tag["id"], "name": "travel"}]
    assert (await editor.get(response.headers["location"])).json() == speech
    async with committed_database.transaction() as session:
        [event] = await outbox_events(session, SpeechCreated)
    assert (str(event.data.speech_id), event.data.duration_ms) == (speech["id"], 522)


async def test_an_update_keeps_omitted_fields(
    editor: httpx.AsyncClient, committed_database: Database, speech_id: UUID, key: str
) -> None:
    path = f"{SPEECHES}/{speech_id}"
    before = (await editor.get(path)).json()
    response = await editor.put(path, json={"text": "How far is it?"})
    after = response.json()
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    published = {"text": "How far is it?", "revision": 2, "updated_at": after["updated_at"]}
    assert after == before | published
    replaced = (await editor.put(path, json={"audio_key": key, "tag_ids": []})).json()
    assert (
        replaced["audio_key"],
        replaced["duration_ms"],
        replaced["tags"],
        replaced["revision"],
    ) == (key, 522, [], 3)
    async with committed_database.transaction() as session:
        assert [event.data.revision for event in await outbox_events(session, SpeechUpdated)] == [2, 3]


async def test_an_update_to_equal_values_publishes_nothing(
    editor: httpx.AsyncClient, committed_database: Database, speech_id: UUID
) -> None:
    path = f"{SPEECHES}/{speech_id}"
    before = (await editor.get(path)).json()
    same = {name: before[name] for name in ("text", "level", "type")}
    same["tag_ids"] = [tag["id"] for tag in before["tags"]]
    for fields in ({}, same):
        assert (await editor.put(path, json=fields)).json() == before
    async with committed_database.transaction() as session:
        assert await outbox_events(session, SpeechUpdated) == []


async def test_a_speech_is_deleted(
    editor: httpx.AsyncClient, client: httpx.AsyncClient, committed_database: Database, speech_id: UUID
) -> None:
    assert (await client.get(f"/api/v1/speeches/{speech_id}")).status_code == 200
    deleted = await editor.delete(f"{SPEECHES}/{speech_id}")
    assert (deleted.status_code, deleted.content, deleted.headers.get("content-type")) == (204, b"", None)
    assert (await editor.delete(f"{SPEECHES}/{speech_id}")).status_code == 404
    # The read above has cached it, and the deletion has removed it from the cache.
    assert (await client.get(f"/api/v1/speeches/{speech_id}")).status_code == 404
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, SpeechDeleted)) == 1


async def test_an_update_of_an_older_revision_is_refused(editor: httpx.AsyncClient, speech_id: UUID) -> None:
    path = f"{SPEECHES}/{speech_id}"
    if_match = {"If-Match": (await editor.get(path)).headers["etag"]}
    assert (await editor.put(path, json={"text": "First."}, headers=if_match)).status_code == 200
    late = await editor.put(path, json={"text": "Second."}, headers=if_match)
    assert (late.status_code, late.json()["code"], late.json()["revision"]) == (412, "changed_meanwhile", 2)
    assert (await editor.delete(path, headers=if_match)).status_code == 412
    assert (await editor.get(path)).json()["text"] == "First."
    for matching_etags in ('W/"2"', '"9", "2"', "*"):
        assert (
            await editor.put(path, json={"text": "First."}, headers={"If-Match": matching_etags})
        ).status_code == 200
    for other in ("", "2x", '"²"', '"-2"', '"' + "9" * 5000 + '"'):
        headers = [(b"If-Match", other.encode())]
        assert (await editor.put(path, json={"text": "No."}, headers=headers)).status_code == 412


async def test_each_concurrent_update_creates_a_revision(
    editor: httpx.AsyncClient, committed_database: Database, speech_id: UUID
) -> None:
    path = f"{SPEECHES}/{speech_id}"
    changes: list[dict[str, Any]] = [
        {"text": f"Text {number}."} if number % 2 else {"tag_ids": []} for number in range(8)
    ]
    changes[0] = {"level": "B2"}
    responses = await asyncio.gather(*(editor.put(path, json=change) for change in changes))
    assert {response.status_code for response in responses} == {200}
    last = (await editor.get(path)).json()
    assert (last["level"], last["tags"]) == ("B2", [])
    async with committed_database.transaction() as session:
        published = sorted(
            (event.data for event in await outbox_events(session, SpeechUpdated)), key=lambda s: s.revision
        )
    assert [snapshot.revision for snapshot in published] == [*range(2, last["revision"] + 1)]
    assert published[-1].text == last["text"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"text": ""}, "#/text"),
        ({"text": " \n"}, "#/text"),
        ({"text": "x" * 5001}, "#/text"),
        ({"text": "a\x00"}, "#/text"),
        ({"text": "\ud800"}, "#/text"),
        ({"text": None}, "#/text"),
        ({"text": ["x"]}, "#/text"),
        ({"level": "A3"}, "#/level"),
        ({"level": None}, "#/level"),
        ({"type": "song"}, "#/type"),
        ({"tag_ids": None}, "#/tag_ids"),
        ({"tag_ids": ["food"]}, "#/tag_ids/0"),
        ({"tag_ids": [UNKNOWN_ID] * 1000}, "#/tag_ids"),
        ({"audio_key": ""}, "#/audio_key"),
        ({"audio_key": None}, "#/audio_key"),
        ({"audio_key": "secrets/x.mp3"}, "#/audio_key"),
        ({"audio_key": "/uploads/x.mp3"}, "#/audio_key"),
        ({"audio_key": "uploads/../secrets/x.mp3"}, "#/audio_key"),
        ({"audio_key": "uploads//x.mp3"}, "#/audio_key"),
        ({"audio_key": "uploads/"}, "#/audio_key"),
        ({"audio_key": "uploads/a\nb.mp3"}, "#/audio_key"),
        ({"audio_key": "uploads/" + "x" * 1020}, "#/audio_key"),
        ({"audio_key": "uploads/" + "😀" * 300}, "#/audio_key"),
    ],
)
async def test_an_invalid_speech_is_refused(
    editor: httpx.AsyncClient, speech_id: UUID, key: str, wrong: dict[str, Any], pointer: str
) -> None:
    body = json.dumps(create_body(key) | wrong)
    headers = {"Content-Type": "application/json"}
    for method, path in (("POST", SPEECHES), ("PUT", f"{SPEECHES}/{speech_id}")):
        response = await editor.request(method, path, content=body, headers=headers)
        assert response.status_code == 422, response.text
        assert pointer in [error["pointer"] for error in response.json()["errors"]]
    assert (await editor.get(f"{SPEECHES}/{speech_id}")).json()["revision"] == 1


async def test_a_text_of_the_maximum_length_is_accepted(editor: httpx.AsyncClient, speech_id: UUID) -> None:
    for text in ("x " * 2499 + "xx", "é" * 5000, "😀" * 5000):
        response = await editor.put(f"{SPEECHES}/{speech_id}", json={"text": text})
        assert (response.status_code, response.json()["text"]) == (200, text)


async def test_the_error_for_unknown_tags_names_them(
    editor: httpx.AsyncClient, speech_id: UUID, key: str
) -> None:
    unknown = sorted(str(uuid4()) for _ in range(2))
    for response in (
        await editor.post(SPEECHES, json=create_body(key, tag_ids=unknown)),
        await editor.put(f"{SPEECHES}/{speech_id}", json={"tag_ids": unknown}),
    ):
        assert (response.status_code, response.json()["code"]) == (422, "unknown_tag")
        assert response.json()["tag_ids"] == unknown
        [error] = response.json()["errors"]
        assert (error["pointer"], error["message"]) == ("#/tag_ids", f"there is no tag {', '.join(unknown)}")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, path) for path in (SPEECHES, "/api/v1/admin/tags") for method in ("GET", "POST")),
        *(
            (method, f"{path}/{UNKNOWN_ID}")
            for path in (SPEECHES, "/api/v1/admin/tags")
            for method in ("GET", "PUT", "DELETE")
        ),
    ],
)
async def test_learners_cannot_use_the_editors_routes(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    assert (await client.request(method, path)).status_code == 403
    del client.headers["Authorization"]
    assert (await client.request(method, path)).status_code == 401


async def test_editing_is_rate_limited(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor
) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": {"admin": 1}}))
    async with api_client(app, token=token_for(uuid4(), "editor")) as editor:
        first, second = [await editor.get(SPEECHES) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 429)
    assert first.headers["ratelimit-policy"] == '"admin";q=1;w=60'


async def test_a_learner_reads_a_speech(client: httpx.AsyncClient, speech_id: UUID) -> None:
    response = await client.get(f"/api/v1/speeches/{speech_id}")
    assert response.status_code == 200
    assert set(response.json()) == {
        *("id", "text", "audio_url", "audio_expires_at", "duration_ms", "level", "type", "tags")
    }


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/api/v1/speeches/{UNKNOWN_ID}", 404, "speech_not_found"),
        ("/api/v1/speeches/1", 422, "validation_failed"),
        ("/api/v1/speeches/%00", 422, "validation_failed"),
    ],
)
async def test_a_missing_speech_is_not_found(
    client: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_editors_see_the_play_statistics_of_a_speech(
    app: FastAPI, speech_id: UUID, committed_database: Database, token_for: TokenFor
) -> None:
    async with api_client(app, token=token_for(uuid4(), "editor")) as client:
        unplayed = (await client.get(f"/api/v1/admin/speeches/{speech_id}")).json()
        async with committed_database.transaction() as session:
            await count_plays(session, create_results(speech_id))
        played = (await client.get(f"/api/v1/admin/speeches/{speech_id}")).json()
        missing = await client.get(f"/api/v1/admin/speeches/{uuid4()}")
    assert (unplayed["revision"], unplayed["text"]) == (1, "Is it far?")
    assert unplayed["created_at"] == unplayed["updated_at"]
    assert unplayed["statistics"] == {"plays": 0, "correct_rate": None, "average_score": None}
    assert played["statistics"] == {"plays": 2, "correct_rate": 0.5, "average_score": 81.5}
    assert missing.status_code == 404


def create_results(speech_id: UUID) -> list[CompletedResult]:
    defaults = {"speech_id": speech_id, "response_time_ms": 900, "verified": True}
    correct = {"user_response": "correct", "pronunciation_score": 81.5}
    return [
        CompletedResult.model_validate({**defaults, **changes})
        for changes in (correct, {"user_response": "incorrect"})
    ]


async def test_learners_cannot_read_the_details(client: httpx.AsyncClient, speech_id: UUID) -> None:
    assert (await client.get(f"/api/v1/admin/speeches/{speech_id}")).status_code == 403
