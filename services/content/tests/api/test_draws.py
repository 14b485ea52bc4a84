import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from content.app import create_app
from content.commands.recent_plays import ForgetPlays, RememberPlays
from content.commands.speeches import delete_speech
from content.consumers import subscriptions
from content.jobs import create_jobs
from content.recent_plays import RecentPlays
from content.settings import ApiSettings
from contracts import Event
from contracts.auth import UserDeleted
from contracts.game import SessionCompleted, SessionDeleted
from pydantic import SecretStr
from shared.data.cache import Cache
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.inbox import apply_once
from shared.testing import OutboxJobs, TokenFor, api_client
from uuid_utils.compat import uuid7

type Add = Callable[..., Awaitable[UUID]]

RANDOM = "/api/v1/game/speeches/random"
UNUSED = cast(Storage, None)
UNKNOWN_ID = "01900000-0000-7000-8000-000000000000"


async def test_a_draw_returns_speeches_with_recordings(speech_id: UUID, client: httpx.AsyncClient) -> None:
    response = await client.post(RANDOM, json={"level": "A1"})
    assert response.status_code == 200
    [speech] = response.json()["speeches"]
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


async def test_a_draw_combines_all_filters(speech_id: UUID, client: httpx.AsyncClient) -> None:
    tags = [tag["id"] for tag in (await client.get("/api/v1/tags")).json()["tags"]]
    draw = {"level": "A1", "type": "question", "tags": [*tags, *tags], "match": "all", "limit": 1}
    assert (await client.post(RANDOM, json=draw)).status_code == 200
    no_match = await client.post(RANDOM, json={**draw, "exclude": [str(speech_id), str(speech_id)]})
    assert (no_match.status_code, no_match.json()["code"]) == (404, "no_speeches_match")


@pytest.mark.parametrize(
    "draw",
    [
        {"level": "C2"},
        {"level": "A1", "type": "answer"},
        {"level": "A1", "tags": [UNKNOWN_ID]},
        {"level": "A1", "tags": [UNKNOWN_ID], "match": "all"},
    ],
)
async def test_a_draw_without_matches_is_not_found(
    speech_id: UUID, client: httpx.AsyncClient, draw: dict[str, Any]
) -> None:
    response = await client.post(RANDOM, json=draw)
    assert (response.status_code, response.json()["code"]) == (404, "no_speeches_match")
    assert response.headers["content-type"] == "application/problem+json"


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
        ({"tags": [UNKNOWN_ID, "\x00"]}, "#/tags/1"),
        ({"tags": [1]}, "#/tags/0"),
        ({"tags": [UNKNOWN_ID] * 1000}, "#/tags"),
        ({"tags": {}}, "#/tags"),
        ({"exclude": [UNKNOWN_ID] * 201}, "#/exclude"),
        ({"exclude": [None]}, "#/exclude/0"),
        ({"fresh": "yes"}, "#/fresh"),
        ({"fresh": None}, "#/fresh"),
    ],
)
async def test_an_invalid_draw_is_refused(
    client: httpx.AsyncClient, wrong: dict[str, Any], pointer: str
) -> None:
    response = await client.post(RANDOM, json={"level": "A1", **wrong})
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 422), (b"{", 400), (b"[]", 422), (b"null", 422), (b"\xff", 400), (b"{}", 422)]
)
async def test_a_draw_with_a_malformed_body_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    response = await client.post(RANDOM, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_fresh_draw_returns_the_last_sessions_speeches_last(
    settings: ApiSettings,
    committed_database: Database,
    token_for: TokenFor,
    add: Add,
    outbox_jobs: OutboxJobs,
) -> None:
    learner, url = uuid4(), settings.redis_url.get_secret_value()
    plays, app = RecentPlays(url), create_app(settings)
    async with committed_database.transaction() as session:
        added = [await add(session) for _ in range(8)]
    results = [
        {"speech_id": speech_id, "user_response": "skipped", "response_time_ms": 1} for speech_id in added[:6]
    ]
    about = {"session_id": uuid4(), "user_id": learner, "level": "A1", "results": results}

    async def deliver(event: Event) -> None:
        """Deliver the event, and the jobs that follow from it."""
        handle = subscriptions[type(event)]
        await apply_once(committed_database, event.build_queue_name("content"), event, handle)
        jobs = create_jobs(committed_database, cache=cast(Cache, None), storage=UNUSED, plays=plays)
        for kind in (RememberPlays, ForgetPlays):
            async with committed_database.transaction() as session:
                waiting = await outbox_jobs(session, kind)
            for job in waiting:
                await apply_once(committed_database, job.get_queue(), job, jobs[kind])

    def create_event[E: Event](kind: type[E], data: dict[str, Any]) -> E:
        return kind.model_validate({"id": uuid7(), "time": datetime.now(UTC), "subject": "any", "data": data})

    async with api_client(app, token=token_for(learner)) as client:
        await app.state.catalogue.refresh()

        async def draw(**body: Any) -> list[UUID]:
            response = await client.post(RANDOM, json={"level": "A1", "fresh": True, **body})
            return [UUID(speech["id"]) for speech in response.json()["speeches"]]

        played = {"mode": "listen_only", "duration_seconds": 60, "completed_at": datetime.now(UTC)}
        await deliver(create_event(SessionCompleted, {**about, **played}))
        for _ in range(5):
            assert set(await draw(limit=2)) == set(added[6:])
            assert (await draw(limit=5))[2:] == added[:3]
        assert (await draw(exclude=list(map(str, added[1:])))) == added[:1]
        await deliver(create_event(SessionDeleted, {**about, "results": results[:1]}))
        assert set(await draw(limit=3)) == {added[0], *added[6:]}
        await deliver(create_event(UserDeleted, {"user_id": learner}))
        assert await plays.list_speech_ids(learner) == []
    await plays.close()


async def test_draws_are_rate_limited(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, add: Add
) -> None:
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": {"random": 1}}))
    async with api_client(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        first, second = [await client.post(RANDOM, json={"level": "A1"}) for _ in range(2)]
    assert (first.status_code, second.status_code) == (404, 429)
    assert first.headers["ratelimit-policy"] == '"random";q=1;w=60'


async def ensure_drawn_within_a_second(client: httpx.AsyncClient, database: Database, add: Add) -> None:
    async with database.transaction() as session:
        speech_id = await add(session, level="C1")
    created = time.monotonic()
    while (await client.post(RANDOM, json={"level": "C1"})).status_code == 404:
        assert time.monotonic() - created < 1
        # Lets the refresher run, which shares this event loop: a draw without matches never waits.
        await asyncio.sleep(0.01)
    async with database.transaction() as session:
        await delete_speech(session, speech_id, actor=None)
    # Even before the catalogue is refreshed.
    assert (await client.post(RANDOM, json={"level": "C1"})).status_code == 404


@pytest.mark.timed
async def test_changes_are_drawn_within_a_second(
    client: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    await ensure_drawn_within_a_second(client, committed_database, add)


@pytest.mark.timed
async def test_changes_are_drawn_within_a_second_without_redis(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, add: Add
) -> None:
    overrides = {"redis_url": SecretStr("redis://127.0.0.1:1/0"), "rate_limit_enabled": True}
    app = create_app(settings.model_copy(update=overrides))
    async with api_client(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        await ensure_drawn_within_a_second(client, committed_database, add)
        async with committed_database.transaction() as session:
            await add(session)
        await app.state.catalogue.refresh()
        assert (await client.post(RANDOM, json={"level": "A1", "fresh": True})).status_code == 200


async def test_draws_and_speeches_require_an_access_token(client: httpx.AsyncClient, speech_id: UUID) -> None:
    del client.headers["Authorization"]
    assert (await client.post(RANDOM, json={"level": "A1"})).status_code == 401
    assert (await client.get(f"/api/v1/speeches/{speech_id}")).status_code == 401


async def test_draws_succeed_without_the_storage(
    settings: ApiSettings, committed_database: Database, speech_id: UUID, token_for: TokenFor
) -> None:
    app = create_app(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))
    async with api_client(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        assert (await client.post(RANDOM, json={"level": "A1"})).status_code == 200
        ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["checks"]["storage"]) == (200, "down")
