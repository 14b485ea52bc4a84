import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content import commands
from content.app import create_app
from content.settings import ApiSettings
from contracts.game import CompletedResult
from fastapi import FastAPI
from pydantic import SecretStr
from shared.db import Database
from shared.testing import TokenFor, client_of

type Add = Callable[..., Awaitable[UUID]]

RANDOM = "/api/v1/game/speeches/random"
NOBODYS = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
async def speech_id(committing: Database, add: Add) -> UUID:
    async with committing.transaction() as session:
        return await add(session, text="Is it far?", tags=("travel", "food"), audio_key="seed/far.mp3")


async def test_tags_are_public(client: httpx.AsyncClient, speech_id: UUID) -> None:
    del client.headers["Authorization"]
    answer, same = await client.get("/api/v1/tags"), await client.get("/api/v1/game/tags")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert [(tag["name"], tag["category"]) for tag in answer.json()["tags"]] == [
        ("food", "topic"),
        ("travel", "topic"),
    ]
    assert set(answer.json()["tags"][0]) == {"id", "name", "category"}
    assert same.content == answer.content


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', "*"])
async def test_tags_that_are_known_are_not_sent_again(client: httpx.AsyncClient, sent: str) -> None:
    etag = (await client.get("/api/v1/tags")).headers["etag"]
    answer = await client.get("/api/v1/tags", headers={"If-None-Match": sent.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert answer.headers["cache-control"] == "public, no-cache"


async def test_other_tags_have_another_etag(client: httpx.AsyncClient, editor: httpx.AsyncClient) -> None:
    before = (await client.get("/api/v1/tags")).headers["etag"]
    await editor.post("/api/v1/admin/tags", json={"name": "work", "category": "topic"})
    answer = await client.get("/api/v1/tags", headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.headers["etag"] != before


async def test_a_draw_answers_with_playable_speeches(speech_id: UUID, client: httpx.AsyncClient) -> None:
    answer = await client.post(RANDOM, json={"level": "A1"})
    assert answer.status_code == 200
    [speech] = answer.json()["speeches"]
    expires_at = datetime.fromisoformat(speech.pop("audio_expires_at"))
    assert timedelta(minutes=30) <= expires_at - datetime.now(UTC) <= timedelta(hours=1)
    assert "/seed/far.mp3?" in speech.pop("audio_url")
    assert [tag.pop("name") for tag in speech["tags"]] == ["food", "travel"]
    assert {UUID(tag.pop("id")).version for tag in speech.pop("tags")} == {7}
    assert speech == {
        "id": str(speech_id),
        "text": "Is it far?",
        "duration_ms": 1200,
        "level": "A1",
        "type": "question",
    }


async def test_a_draw_takes_every_filter(speech_id: UUID, client: httpx.AsyncClient) -> None:
    tags = [tag["id"] for tag in (await client.get("/api/v1/tags")).json()["tags"]]
    draw = {"level": "A1", "type": "question", "tags": [*tags, *tags], "match": "all", "limit": 1}
    assert (await client.post(RANDOM, json=draw)).status_code == 200
    nothing = await client.post(RANDOM, json={**draw, "exclude": [str(speech_id), str(speech_id)]})
    assert (nothing.status_code, nothing.json()["code"]) == (404, "no_speeches_match")


@pytest.mark.parametrize(
    "draw",
    [
        {"level": "C2"},
        {"level": "A1", "type": "answer"},
        {"level": "A1", "tags": [NOBODYS]},
        {"level": "A1", "tags": [NOBODYS], "match": "all"},
    ],
)
async def test_a_draw_from_nothing_is_not_found(
    speech_id: UUID, client: httpx.AsyncClient, draw: dict[str, Any]
) -> None:
    answer = await client.post(RANDOM, json=draw)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_speeches_match")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"level": None}, "#/level"),
        ({"level": "A3"}, "#/level"),
        ({"level": "a1"}, "#/level"),
        ({"level": "A1\x00"}, "#/level"),
        ({"level": ["A1"]}, "#/level"),
        ({"type": "exclamation"}, "#/type"),
        ({"type": ""}, "#/type"),
        ({"match": "none"}, "#/match"),
        ({"match": None}, "#/match"),
        ({"limit": 0}, "#/limit"),
        ({"limit": 51}, "#/limit"),
        ({"limit": -(10**30)}, "#/limit"),
        ({"limit": "x"}, "#/limit"),
        ({"limit": 1.5}, "#/limit"),
        ({"limit": None}, "#/limit"),
        ({"tags": "travel"}, "#/tags"),
        ({"tags": ["travel"]}, "#/tags/0"),
        ({"tags": [NOBODYS, "\x00"]}, "#/tags/1"),
        ({"tags": [1]}, "#/tags/0"),
        ({"tags": [NOBODYS] * 1000}, "#/tags"),
        ({"tags": {}}, "#/tags"),
        ({"exclude": [NOBODYS] * 201}, "#/exclude"),
        ({"exclude": [None]}, "#/exclude/0"),
    ],
)
async def test_a_draw_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, wrong: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(RANDOM, json={"level": "A1", **wrong})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 422), (b"{", 400), (b"[]", 422), (b"null", 422), (b"\xff", 400), (b"{}", 422)]
)
async def test_a_draw_without_a_sound_body_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post(RANDOM, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_drawing_is_limited(
    settings: ApiSettings, committing: Database, token_for: TokenFor, add: Add
) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": {"random": 1}}))
    async with client_of(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        first, second = [await client.post(RANDOM, json={"level": "A1"}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (404, 429)
    assert first.headers["ratelimit-policy"] == '"random";q=1;w=60'


async def drawn_within_a_second(client: httpx.AsyncClient, database: Database, add: Add) -> None:
    async with database.transaction() as session:
        speech_id = await add(session, level="C1")
    created = time.monotonic()
    while (await client.post(RANDOM, json={"level": "C1"})).status_code == 404:
        assert time.monotonic() - created < 1
        # A draw from nothing waits for nothing, and the catalogue is followed in this same loop.
        await asyncio.sleep(0.01)
    async with database.transaction() as session:
        await commands.delete_speech(session, speech_id)
    # Not even before the catalogue has heard of it.
    assert (await client.post(RANDOM, json={"level": "C1"})).status_code == 404


async def test_changes_are_drawn_within_a_second(
    client: httpx.AsyncClient, committing: Database, add: Add
) -> None:
    await drawn_within_a_second(client, committing, add)


async def test_changes_are_drawn_within_a_second_without_redis(
    settings: ApiSettings, committing: Database, token_for: TokenFor, add: Add
) -> None:
    away = {"redis_url": SecretStr("redis://127.0.0.1:1/0"), "rate_limit_enabled": True}
    app = create_app(settings.model_copy(update=away))
    async with client_of(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        await drawn_within_a_second(client, committing, add)


async def test_a_speech_is_read(client: httpx.AsyncClient, speech_id: UUID) -> None:
    answer = await client.get(f"/api/v1/speeches/{speech_id}")
    assert answer.status_code == 200
    assert set(answer.json()) == {
        *("id", "text", "audio_url", "audio_expires_at", "duration_ms", "level", "type", "tags")
    }


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/api/v1/speeches/{NOBODYS}", 404, "speech_not_found"),
        ("/api/v1/speeches/1", 422, "validation_failed"),
        ("/api/v1/speeches/%00", 422, "validation_failed"),
    ],
)
async def test_a_speech_that_is_not_there_is_not_read(
    client: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_speeches_are_for_those_who_signed_in(client: httpx.AsyncClient, speech_id: UUID) -> None:
    del client.headers["Authorization"]
    assert (await client.post(RANDOM, json={"level": "A1"})).status_code == 401
    assert (await client.get(f"/api/v1/speeches/{speech_id}")).status_code == 401


async def test_editors_see_how_a_speech_is_played(
    app: FastAPI, speech_id: UUID, committing: Database, token_for: TokenFor
) -> None:
    async with client_of(app, token=token_for(uuid4(), "editor")) as client:
        unplayed = (await client.get(f"/api/v1/admin/speeches/{speech_id}")).json()
        async with committing.transaction() as session:
            await commands.count_plays(session, results_of(speech_id))
        played = (await client.get(f"/api/v1/admin/speeches/{speech_id}")).json()
        missing = await client.get(f"/api/v1/admin/speeches/{uuid4()}")
    assert (unplayed["revision"], unplayed["text"]) == (1, "Is it far?")
    assert unplayed["created_at"] == unplayed["updated_at"]
    assert unplayed["statistics"] == {"plays": 0, "correct_rate": None, "average_score": None}
    assert played["statistics"] == {"plays": 2, "correct_rate": 0.5, "average_score": 81.5}
    assert missing.status_code == 404


def results_of(speech_id: UUID) -> list[CompletedResult]:
    usual = {"speech_id": speech_id, "response_time_ms": 900, "verified": True}
    correct = {"user_response": "correct", "pronunciation_score": 81.5}
    return [
        CompletedResult.model_validate({**usual, **own}) for own in (correct, {"user_response": "incorrect"})
    ]


async def test_learners_are_no_editors(client: httpx.AsyncClient, speech_id: UUID) -> None:
    assert (await client.get(f"/api/v1/admin/speeches/{speech_id}")).status_code == 403


async def test_the_bucket_is_made_and_all_is_ready(client: httpx.AsyncClient) -> None:
    for _ in range(50):
        ready = (await client.get("/ready")).json()
        if ready["checks"]["storage"] == "ok":
            break
        await asyncio.sleep(0.1)
    assert ready["status"] == "ready"
    assert ready["checks"].keys() == {"postgres", "redis", "storage", "catalogue", "recordings"}


async def test_without_storage_speeches_are_drawn_all_the_same(
    settings: ApiSettings, committing: Database, speech_id: UUID, token_for: TokenFor
) -> None:
    app = create_app(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))
    async with client_of(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        assert (await client.post(RANDOM, json={"level": "A1"})).status_code == 200
        ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["checks"]["storage"]) == (200, "down")


async def test_without_a_database_it_says_so(settings: ApiSettings, token_for: TokenFor) -> None:
    nowhere = SecretStr("postgresql+asyncpg://content@127.0.0.1:1/content")
    app = create_app(settings.model_copy(update={"database_url": nowhere}))
    async with client_of(app, token=token_for(uuid4())) as client:
        draw = await client.post(RANDOM, json={"level": "A1"})
        tags = await client.get("/api/v1/tags")
        ready = await client.get("/ready")
    assert (draw.status_code, draw.json()["code"]) == (503, "catalogue_unavailable")
    assert (tags.status_code, tags.json()["code"]) == (503, "database_unavailable")
    assert "retry-after" in draw.headers
    assert ready.status_code == 503
    assert (ready.json()["checks"]["postgres"], ready.json()["checks"]["catalogue"]) == ("down", "down")


async def test_reading_is_limited(settings: ApiSettings, committing: Database, token_for: TokenFor) -> None:
    limits = {"tags": 1, "speeches": 1}
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": limits}))
    async with client_of(app, token=token_for(uuid4())) as client:
        # Both names of the tags count as one.
        tags = [await client.get(path) for path in ("/api/v1/tags", "/api/v1/game/tags")]
        speeches = [await client.get(f"/api/v1/speeches/{uuid4()}") for _ in range(2)]
    assert [answer.status_code for answer in (*tags, *speeches)] == [200, 429, 404, 429]
    assert tags[0].headers["ratelimit-policy"] == '"tags";q=1;w=60'
    assert speeches[0].headers["ratelimit-policy"] == '"speeches";q=1;w=60'
