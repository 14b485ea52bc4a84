from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from importer.app import create_app
from importer.models import ImportJob, UploadedFile, UploadSession
from importer.settings import ApiSettings
from pydantic import SecretStr
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage
from shared.testing import TokenFor, api_client
from sqlalchemy.ext.asyncio import AsyncSession

type AddSession = Callable[..., Awaitable[UUID]]
type AddImport = Callable[..., Awaitable[UUID]]
type AddFile = Callable[..., Awaitable[UUID]]


@pytest.fixture(scope="session")
def service() -> str:
    return "importer"


@pytest.fixture(scope="session")
def settings(base_settings: dict[str, Any], database_url: str) -> ApiSettings:
    overrides = {"database_url": SecretStr(database_url), "s3_bucket": f"importer-{uuid4().hex[:12]}"}
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
    """The application, with separate connections; its commits are deleted after the test."""
    app = create_app(settings)
    monkeypatch.setattr(app, "openapi", lambda: document)
    return app


@pytest.fixture(scope="session")
def editor_id() -> UUID:
    return uuid4()


@pytest.fixture
async def editor(app: FastAPI, editor_id: UUID, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app, token=token_for(editor_id, "editor")) as client:
        yield client


@pytest.fixture
async def storage(settings: ApiSettings) -> Storage:
    """The bucket of the tests."""
    storage = Storage(settings)
    await storage.ensure_bucket()
    return storage


@pytest.fixture
def add_session(editor_id: UUID) -> AddSession:
    """Adds an upload session: `await add_session(session, **values)`."""

    async def add(session: AsyncSession, **overrides: Any) -> UUID:
        defaults = {"owner_id": editor_id, "expires_at": utc_now() + timedelta(days=7)}
        upload_session = UploadSession(**{**defaults, **overrides})
        session.add(upload_session)
        await session.flush()
        return upload_session.id

    return add


@pytest.fixture
def add_import(editor_id: UUID, add_session: AddSession) -> AddImport:
    """Adds an import with an upload session: `await add_import(session, **values)`."""

    async def add(session: AsyncSession, **overrides: Any) -> UUID:
        owner = overrides.get("owner_id", editor_id)
        if "session_id" not in overrides:
            overrides["session_id"] = await add_session(session, owner_id=owner)
        defaults = {
            "source_key": f"imports/{uuid4()}/source",
            "source_filename": "a.csv",
            "source_sha256": b"",
        }
        job = ImportJob(**{"owner_id": owner, **defaults, **overrides})
        session.add(job)
        await session.flush()
        return job.id

    return add


@pytest.fixture
def add_file() -> AddFile:
    """Adds a stored recording: `await add_file(session, session_id, name, **values)`."""

    async def add(session: AsyncSession, session_id: UUID, name: str, **overrides: Any) -> UUID:
        names = {"original_filename": name, "stored_filename": name, "name_key": name.casefold()}
        stored = {"object_key": f"speeches/{uuid4()}.mp3", "state": "stored"}
        file = UploadedFile(**{"session_id": session_id, **names, **stored, **overrides})
        session.add(file)
        await session.flush()
        return file.id

    return add
