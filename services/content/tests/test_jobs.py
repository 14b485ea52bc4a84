from collections.abc import Awaitable, Callable
from typing import cast
from uuid import UUID, uuid4

import httpx
import pytest
from content.app import create_app
from content.commands.cache import InvalidateCache
from content.commands.speeches import apply_speech_change
from content.commands.tags import create_tags
from content.domain.speeches import SpeechChange
from content.jobs import create_jobs
from content.recent_plays import RecentPlays
from content.settings import ApiSettings
from pydantic import SecretStr
from shared.data.cache import Cache, CacheUnavailable
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.inbox import apply_once
from shared.messaging.jobs import Job
from shared.testing import OutboxJobs, TokenFor, api_client

type Add = Callable[..., Awaitable[UUID]]

UNUSED, NO_PLAYS = cast(Storage, None), cast(RecentPlays, None)
UNREACHABLE_URL = SecretStr("redis://127.0.0.1:1/0")


async def deliver(database: Database, cache: Cache, outbox_jobs: OutboxJobs) -> None:
    async with database.transaction() as session:
        waiting = await outbox_jobs(session, InvalidateCache)
    for job in waiting:
        handle = create_jobs(database, cache=cache, storage=UNUSED, plays=NO_PLAYS)[InvalidateCache]
        await apply_once(database, job.get_queue(), job, handle)


async def list_names(client: httpx.AsyncClient) -> list[str]:
    return [tag["name"] for tag in (await client.get("/api/v1/tags")).json()["tags"]]


def test_every_job_has_a_handler(database: Database, cache: Cache) -> None:
    expected = {job for job in Job.__subclasses__() if job.service == "content"}
    assert set(create_jobs(database, cache=cache, storage=UNUSED, plays=NO_PLAYS)) == expected


async def test_a_job_removes_stale_values_if_the_editing_process_ended(
    client: httpx.AsyncClient,
    committed_database: Database,
    cache: Cache,
    add: Add,
    outbox_jobs: OutboxJobs,
) -> None:
    async with committed_database.transaction() as session:
        speech_id = await add(session, tags=("food",))
    path = f"/api/v1/speeches/{speech_id}"
    await cache.invalidate("tags")
    assert (await list_names(client), (await client.get(path)).json()["text"]) == (["food"], "Where is it?")
    # Like an edit whose process ends right after the commit.
    async with committed_database.transaction() as session:
        await create_tags(session, {"work": "topic"}, actor=None)
        await apply_speech_change(session, speech_id, SpeechChange(text="Here it is."), actor=None)
    assert (await list_names(client), (await client.get(path)).json()["text"]) == (["food"], "Where is it?")
    await deliver(committed_database, cache, outbox_jobs)
    assert (await list_names(client), (await client.get(path)).json()["text"]) == (
        ["food", "work"],
        "Here it is.",
    )


async def test_an_edit_without_redis_is_visible_once_redis_is_available(
    settings: ApiSettings,
    client: httpx.AsyncClient,
    committed_database: Database,
    cache: Cache,
    token_for: TokenFor,
    outbox_jobs: OutboxJobs,
) -> None:
    assert await list_names(client) == []
    cut_off = create_app(settings.model_copy(update={"redis_url": UNREACHABLE_URL}))
    async with api_client(cut_off, token=token_for(uuid4(), "editor")) as editor:
        response = await editor.post("/api/v1/admin/tags", json={"name": "food", "category": "topic"})
        assert (response.status_code, await list_names(editor)) == (201, ["food"])
    assert await list_names(client) == []
    await deliver(committed_database, cache, outbox_jobs)
    assert await list_names(client) == ["food"]


async def test_an_invalidation_is_retried_until_redis_is_available(
    committed_database: Database, outbox_jobs: OutboxJobs
) -> None:
    unreachable_cache = Cache(UNREACHABLE_URL.get_secret_value(), service="content")
    async with committed_database.transaction() as session:
        await create_tags(session, {"work": "topic"}, actor=None)
    for _ in range(2):
        # The job is not claimed, and an unavailable cache is retried without a limit.
        with pytest.raises(CacheUnavailable):
            await deliver(committed_database, unreachable_cache, outbox_jobs)
    await unreachable_cache.close()
