import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.app import create_app
from content.commands.speeches import create_speeches
from content.commands.tags import create_tags
from content.domain.speeches import NewSpeech
from content.queries.tags import list_cached_tags
from content.settings import ApiSettings
from contracts.importer import ValidatedBatch
from fastapi import FastAPI
from pydantic import SecretStr
from shared.data.cache import Cache
from shared.data.db import Database
from shared.data.storage import Storage
from shared.testing import TokenFor, api_client
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]
type NewBatch = Callable[..., Awaitable[ValidatedBatch]]
type NewRow = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def service() -> str:
    return "content"


@pytest.fixture(scope="session")
def settings(base_settings: dict[str, Any], database_url: str) -> ApiSettings:
    overrides = {"database_url": SecretStr(database_url), "s3_bucket": f"content-{uuid4().hex[:12]}"}
    return ApiSettings.model_validate({**base_settings, **overrides})


@pytest.fixture(scope="session")
def document(settings: ApiSettings) -> dict[str, Any]:
    """The API document, generated once because it takes long and is the same for every application."""
    return create_app(settings).openapi()


@pytest.fixture
def app(
    settings: ApiSettings,
    committed_database: Database,
    document: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> FastAPI:
    """The application, on a database that is emptied after the test."""
    app = create_app(settings)
    monkeypatch.setattr(app, "openapi", lambda: document)
    return app


@pytest.fixture
async def client(app: FastAPI, cache: Cache, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """A learner's client. Speeches committed before this fixture can be drawn immediately."""
    async with api_client(app, token=token_for(uuid4())) as client:
        await app.state.catalogue.refresh()
        yield client


@pytest.fixture
async def cache(settings: ApiSettings) -> AsyncIterator[Cache]:
    """The cache that all replicas share."""
    cache = Cache(settings.redis_url.get_secret_value(), service="content")
    await cache.invalidate(list_cached_tags.build_key())
    yield cache
    await cache.invalidate(list_cached_tags.build_key())
    await cache.close()


@pytest.fixture
async def editor(app: FastAPI, cache: Cache, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """An editor's client."""
    async with api_client(app, token=token_for(uuid4(), "editor")) as client:
        yield client


@pytest.fixture
async def storage(settings: ApiSettings) -> Storage:
    """The bucket for tests."""
    storage = Storage(settings)
    await storage.ensure_bucket()
    return storage


@pytest.fixture
def add() -> Add:
    """Adds a speech: `await add(session, **fields)`; `tags` are names."""

    async def make(session: AsyncSession, *, tags: tuple[str, ...] = (), **overrides: Any) -> UUID:
        ids = await create_tags(session, dict.fromkeys(tags, "topic"), actor=None)
        defaults = {"text": "Where is it?", "level": "A1", "type": "question", "duration_ms": 1200}
        links = {"audio_key": f"seed/{uuid4()}.mp3", "tag_ids": frozenset(ids.values())}
        new = NewSpeech(**{**defaults, **links, **overrides})
        [speech_id] = await create_speeches(session, [new], actor=None)
        return speech_id

    return make


@pytest.fixture
async def speech_id(committed_database: Database, add: Add) -> UUID:
    """A speech of level A1, a question, with two tags."""
    async with committed_database.transaction() as session:
        return await add(session, text="Is it far?", tags=("travel", "food"), audio_key="seed/far.mp3")


@pytest.fixture(scope="session")
def mp3() -> bytes:
    """Half a second of silence: 20 frames of MPEG-1 layer III at 128 kbit/s and 44.1 kHz."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * 20


@pytest.fixture
async def key(storage: Storage, mp3: bytes) -> str:
    """The key of an uploaded recording."""
    key = f"uploads/{uuid4()}.mp3"
    await storage.put(key, mp3, content_type="audio/mpeg")
    return key


@pytest.fixture
def new_row() -> NewRow:
    """Creates a row of a batch: `new_row(**fields)`."""

    def make(**overrides: Any) -> dict[str, Any]:
        defaults = {
            "text": "Where is it?",
            "level": "A1",
            "type": "question",
            "tags": [],
            "duration_ms": 1200,
        }
        return {**defaults, "audio_key": f"speeches/{uuid4()}.mp3", **overrides}

    return make


@pytest.fixture
def new_batch(storage: Storage) -> NewBatch:
    """Stores a batch and announces it: `await new_batch(rows, **fields_of_the_event)`."""

    async def make(rows: list[dict[str, Any]], /, **overrides: Any) -> ValidatedBatch:
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        import_id = uuid4()
        key = f"imports/{import_id}/batch-1.jsonl"
        await storage.put(key, content, content_type="application/x-ndjson")
        announced = {
            "import_id": import_id,
            "owner_id": uuid4(),
            "batch_key": key,
            "batch_sha256": hashlib.sha256(content).hexdigest(),
            "rows": len(rows),
        }
        return ValidatedBatch.model_validate({**announced, **overrides})

    return make
