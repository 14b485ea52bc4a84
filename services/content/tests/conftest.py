from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content import commands, queries
from content.app import create_app
from content.domain.speeches import NewSpeech
from content.settings import ApiSettings
from fastapi import FastAPI
from pydantic import SecretStr
from shared.cache import Cache
from shared.db import Database
from shared.storage import Storage
from shared.testing import TokenFor, client_of
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]


@pytest.fixture(scope="session")
def service() -> str:
    return "content"


@pytest.fixture(scope="session")
def settings(environment: dict[str, Any], database_url: str) -> ApiSettings:
    own = {"database_url": SecretStr(database_url), "s3_bucket": f"content-{uuid4().hex[:12]}"}
    return ApiSettings.model_validate({**environment, **own})


@pytest.fixture
def app(settings: ApiSettings, committing: Database) -> FastAPI:
    """The application, with connections of its own; what it commits is gone after the test."""
    return create_app(settings)


@pytest.fixture
async def client(app: FastAPI, cache: Cache, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """A learner's client. What was committed before the test asked for it can be drawn at once."""
    async with client_of(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        yield client


@pytest.fixture
async def cache(settings: ApiSettings) -> AsyncIterator[Cache]:
    """What all replicas share."""
    cache = Cache(settings.redis_url.get_secret_value(), service="content")
    await cache.forget(queries.list_cached_tags.key())
    yield cache
    await cache.forget(queries.list_cached_tags.key())
    await cache.close()


@pytest.fixture
async def editor(app: FastAPI, cache: Cache, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """An editor's client."""
    async with client_of(app, token=token_for(uuid4(), "editor")) as client:
        yield client


@pytest.fixture
async def storage(settings: ApiSettings) -> Storage:
    """The bucket of the tests."""
    storage = Storage(settings)
    await storage.ensure_bucket()
    return storage


@pytest.fixture
def add() -> Add:
    """Adds a speech: `await add(session, **what differs)`; `tags` are names."""

    async def make(session: AsyncSession, *, tags: tuple[str, ...] = (), **different: Any) -> UUID:
        ids = await commands.create_tags(session, dict.fromkeys(tags, "topic"))
        usual = {"text": "Where is it?", "level": "A1", "type": "question", "duration_ms": 1200}
        carried = {"audio_key": f"seed/{uuid4()}.mp3", "tag_ids": frozenset(ids.values())}
        new = NewSpeech(**{**usual, **carried, **different})
        [speech_id] = await commands.create_speeches(session, [new])
        return speech_id

    return make


@pytest.fixture(scope="session")
def mp3() -> bytes:
    """Half a second of silence: 20 frames of MPEG-1 layer III at 128 kbit/s and 44.1 kHz."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * 20


@pytest.fixture
async def key(storage: Storage, mp3: bytes) -> str:
    """Where a recording was uploaded to."""
    key = f"uploads/{uuid4()}.mp3"
    await storage.put(key, mp3, content_type="audio/mpeg")
    return key
