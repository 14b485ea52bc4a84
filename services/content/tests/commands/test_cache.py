import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import httpx
import pytest
from content.app import create_app
from content.commands.cache import edit_transaction, invalidate
from content.settings import ApiSettings
from pydantic import SecretStr
from shared.data.cache import Cache
from shared.data.db import Database
from shared.testing import TokenFor, api_client
from starlette.types import Message, Receive, Scope, Send

type Add = Callable[..., Awaitable[UUID]]
type Replicas = list[httpx.AsyncClient]

UNREACHABLE_URL = SecretStr("redis://127.0.0.1:1/0")
TAGS = "/api/v1/admin/tags"


@pytest.fixture(params=["with Redis", "without Redis"])
async def replicas(
    request: pytest.FixtureRequest,
    settings: ApiSettings,
    committed_database: Database,
    cache: Cache,
    token_for: TokenFor,
) -> AsyncIterator[Replicas]:
    """An editor's clients for two API processes."""
    if request.param == "without Redis":
        settings = settings.model_copy(update={"redis_url": UNREACHABLE_URL})
    async with AsyncExitStack() as stack:
        token = token_for(uuid4(), "editor")
        yield [
            await stack.enter_async_context(api_client(create_app(settings), token=token)) for _ in range(2)
        ]


async def list_names(replica: httpx.AsyncClient) -> list[str]:
    return [tag["name"] for tag in (await replica.get("/api/v1/tags")).json()["tags"]]


async def test_every_replica_returns_a_changed_tag_immediately(replicas: Replicas) -> None:
    one, other = replicas
    tag = (await one.post(TAGS, json={"name": "food", "category": "topic"})).json()
    assert await list_names(one) == await list_names(other) == ["food"]
    await other.put(f"{TAGS}/{tag['id']}", json={"name": "cooking"})
    assert await list_names(one) == await list_names(other) == ["cooking"]
    await one.delete(f"{TAGS}/{tag['id']}")
    assert await list_names(one) == await list_names(other) == []


async def test_every_replica_returns_a_changed_speech_immediately(
    replicas: Replicas, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        speech_id = await add(session)
    for text in ("Is it far?", "It is near."):
        await replicas[0].put(f"/api/v1/admin/speeches/{speech_id}", json={"text": text})
        responses = [await replica.get(f"/api/v1/speeches/{speech_id}") for replica in replicas]
        assert [response.json()["text"] for response in responses] == [text] * 2


@pytest.mark.timed
async def test_concurrent_readers_never_get_a_stale_tag_for_long(replicas: Replicas) -> None:
    tag = (await replicas[0].post(TAGS, json={"name": "name 0", "category": "topic"})).json()
    stop, late = asyncio.Event(), []
    changed = [time.monotonic()]

    async def read(replica: httpx.AsyncClient) -> None:
        while not stop.is_set():
            # A response must include every change made more than a second before the request.
            due = len([changed_at for changed_at in changed if time.monotonic() - changed_at > 1])
            [name] = await list_names(replica)
            if int(name.split()[1]) < due - 1:
                late.append((name, due))

    readers = [asyncio.create_task(read(replica)) for replica in replicas for _ in range(4)]
    for number in range(1, 20):
        await replicas[number % 2].put(f"{TAGS}/{tag['id']}", json={"name": f"name {number}"})
        changed.append(time.monotonic())
    stop.set()
    await asyncio.gather(*readers)
    assert late == []
    assert await list_names(replicas[0]) == await list_names(replicas[1]) == ["name 19"]


async def test_stale_values_are_removed_before_the_response(
    settings: ApiSettings, committed_database: Database, cache: Cache, token_for: TokenFor
) -> None:
    app = create_app(settings)
    cached_keys: list[str] = []
    real = Cache.invalidate

    async def invalidate(self: Cache, *keys: str) -> None:
        await real(self, *keys)
        cached_keys.append("invalidated")

    async def call_app(scope: Scope, receive: Receive, send: Send) -> None:
        async def observe(message: Message) -> None:
            cached_keys.append(message["type"])
            await send(message)

        await app(scope, receive, observe)

    headers = {"Authorization": f"Bearer {token_for(uuid4(), 'editor')}"}
    transport = httpx.ASGITransport(call_app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as editor,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cache, "invalidate", invalidate)
            await editor.post(TAGS, json={"name": "food", "category": "topic"})
    assert cached_keys[:2] == ["invalidated", "http.response.start"]


async def test_an_edit_that_is_rolled_back_invalidates_nothing(
    database: Database, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "invalidate", None)

    async def fail() -> None:
        async with edit_transaction(database, cache) as session:
            invalidate(session, "tags")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
