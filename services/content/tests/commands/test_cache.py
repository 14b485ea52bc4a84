import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import httpx
import pytest
from content import commands
from content.app import create_app
from content.consumers import subscriptions
from content.domain.speeches import SpeechChange
from content.settings import ApiSettings
from contracts.content import SpeechUpdated, TagChanged
from pydantic import SecretStr
from shared.cache import Cache, CacheDown
from shared.db import Database
from shared.inbox import apply
from shared.testing import TokenFor, client_of, recorded

type Add = Callable[..., Awaitable[UUID]]
type Replicas = list[httpx.AsyncClient]

NOWHERE = SecretStr("redis://127.0.0.1:1/0")
TAGS = "/api/v1/admin/tags"


@pytest.fixture(params=["with Redis", "without Redis"])
async def replicas(
    request: pytest.FixtureRequest,
    settings: ApiSettings,
    committing: Database,
    cache: Cache,
    token_for: TokenFor,
) -> AsyncIterator[Replicas]:
    """Two processes of the API, as an editor reaches them."""
    if request.param == "without Redis":
        settings = settings.model_copy(update={"redis_url": NOWHERE})
    async with AsyncExitStack() as stack:
        token = token_for(uuid4(), "editor")
        yield [
            await stack.enter_async_context(client_of(create_app(settings), token=token)) for _ in range(2)
        ]


async def names(replica: httpx.AsyncClient) -> list[str]:
    return [tag["name"] for tag in (await replica.get("/api/v1/tags")).json()["tags"]]


async def test_a_changed_tag_shows_at_once_in_every_replica(replicas: Replicas) -> None:
    one, other = replicas
    tag = (await one.post(TAGS, json={"name": "food", "category": "topic"})).json()
    assert await names(one) == await names(other) == ["food"]
    await other.put(f"{TAGS}/{tag['id']}", json={"name": "cooking"})
    assert await names(one) == await names(other) == ["cooking"]
    await one.delete(f"{TAGS}/{tag['id']}")
    assert await names(one) == await names(other) == []


async def test_a_changed_speech_shows_at_once_in_every_replica(
    replicas: Replicas, committing: Database, add: Add
) -> None:
    async with committing.transaction() as session:
        speech_id = await add(session)
    for text in ("Is it far?", "It is near."):
        await replicas[0].put(f"/api/v1/admin/speeches/{speech_id}", json={"text": text})
        answers = [await replica.get(f"/api/v1/speeches/{speech_id}") for replica in replicas]
        assert [answer.json()["text"] for answer in answers] == [text] * 2


async def test_tags_are_right_while_many_read_and_one_changes_them(replicas: Replicas) -> None:
    tag = (await replicas[0].post(TAGS, json={"name": "name 0", "category": "topic"})).json()
    stop, late = asyncio.Event(), []
    changed = [time.monotonic()]

    async def read(replica: httpx.AsyncClient) -> None:
        while not stop.is_set():
            # What was changed a second before the question must show in the answer.
            due = len([at for at in changed if time.monotonic() - at > 1])
            [name] = await names(replica)
            if int(name.split()[1]) < due - 1:
                late.append((name, due))

    readers = [asyncio.create_task(read(replica)) for replica in replicas for _ in range(4)]
    for turn in range(1, 20):
        await replicas[turn % 2].put(f"{TAGS}/{tag['id']}", json={"name": f"name {turn}"})
        changed.append(time.monotonic())
    stop.set()
    await asyncio.gather(*readers)
    assert late == []
    assert await names(replicas[0]) == await names(replicas[1]) == ["name 19"]


async def test_the_event_makes_the_cache_forget(
    client: httpx.AsyncClient, committing: Database, cache: Cache, add: Add
) -> None:
    async with committing.transaction() as session:
        speech_id = await add(session, tags=("food",))
    path = f"/api/v1/speeches/{speech_id}"
    await cache.forget("tags")
    assert (await names(client), (await client.get(path)).json()["text"]) == (["food"], "Where is it?")
    # Changed by a process whose word to the cache was lost.
    async with committing.transaction() as session:
        await commands.create_tags(session, {"work": "topic"})
        await commands.apply_speech_change(session, speech_id, SpeechChange(text="Here it is."))
    assert (await names(client), (await client.get(path)).json()["text"]) == (["food"], "Where is it?")
    async with committing.transaction() as session:
        changed = (await recorded(session, TagChanged))[-1]
        [updated] = await recorded(session, SpeechUpdated)
    handlers = subscriptions(cache)
    await apply(committing, TagChanged.queue_of("content"), changed, handlers[TagChanged])
    await apply(committing, SpeechUpdated.queue_of("content"), updated, handlers[SpeechUpdated])
    assert (await names(client), (await client.get(path)).json()["text"]) == (["food", "work"], "Here it is.")


async def test_an_event_waits_for_redis(committing: Database) -> None:
    away = Cache(NOWHERE.get_secret_value(), service="content")
    async with committing.transaction() as session:
        await commands.create_tags(session, {"work": "topic"})
        [event] = await recorded(session, TagChanged)
    for _ in range(2):
        # Raised as unavailable, it is tried again for as long as it takes; it is not claimed.
        with pytest.raises(CacheDown):
            await apply(committing, TagChanged.queue_of("content"), event, subscriptions(away)[TagChanged])
    await away.close()
