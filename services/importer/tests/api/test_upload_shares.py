"""Limits of concurrent uploads and of recordings that no speech uses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
from importer.app import create_app
from importer.models import UploadedFile
from importer.settings import ApiSettings
from shared.clock import utc_now
from shared.data.db import Database
from shared.testing import TokenFor, api_client
from sqlalchemy import update
from tests.sounds import make_wav
from tests.uploading import (
    AUDIO,
    END,
    FILES,
    FORM,
    PARTS,
    Clean,
    upload,
    upload_and_parse,
)


@asynccontextmanager
async def create_clients(
    settings: ApiSettings, token_for: TokenFor, editor_id: UUID, **limits: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Yield the clients of two editors, for an application with these limits."""
    app = create_app(settings.model_copy(update=limits))
    async with (
        api_client(app, token=token_for(editor_id, "editor")) as one,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://test",
            headers={"Authorization": f"Bearer {token_for(uuid4(), 'editor')}"},
        ) as other,
    ):
        yield one, other


@asynccontextmanager
async def stall_uploads(editor: httpx.AsyncClient, count: int) -> AsyncIterator[None]:
    end = asyncio.Event()

    async def stream_body() -> AsyncIterator[bytes]:
        yield PARTS[0]
        await end.wait()
        yield END

    tasks = [
        asyncio.create_task(editor.post(AUDIO, content=stream_body(), headers=FORM)) for _ in range(count)
    ]
    await asyncio.sleep(0.3)
    try:
        yield
    finally:
        end.set()
        responses = await asyncio.gather(*tasks)
        assert {response.status_code for response in responses} == {200}


async def test_an_editors_third_concurrent_upload_is_refused_while_others_can_upload(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID
) -> None:
    async with create_clients(settings, token_for, editor_id, max_upload_wait_seconds=0.3) as (one, other):
        async with stall_uploads(one, 2):
            response = await upload(one, FILES[1])
            assert (response.status_code, response.json()["code"]) == (429, "too_many_uploads")
            assert int(response.headers["Retry-After"]) > 0
            assert (await upload(other, FILES[1])).status_code == 200
        assert (await upload(one, FILES[1])).status_code == 200


async def test_the_concurrent_uploads_of_a_process_are_limited(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID
) -> None:
    limits = {"max_uploads": 2, "max_upload_wait_seconds": 0.3}
    async with (
        create_clients(settings, token_for, editor_id, **limits) as (one, other),
        stall_uploads(one, 2),
    ):
        response = await upload(other, FILES[1])
        assert (response.status_code, response.json()["code"]) == (503, "uploads_full")


async def test_an_editors_staged_files_are_limited(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID, clean: Clean
) -> None:
    async with create_clients(settings, token_for, editor_id, max_user_files=3) as (one, other):
        first = await upload_and_parse(one, *FILES)
        response = await upload(one, ("more.wav", make_wav(seed=5)))
        assert (response.status_code, response.json()["code"]) == (409, "upload_quota_exceeded")
        assert (await upload(other, FILES[0])).status_code == 200
        async with committed_database.transaction() as session:
            is_in_session = UploadedFile.session_id == UUID(first["upload_session_id"])
            await session.execute(update(UploadedFile).where(is_in_session).values(claimed_at=utc_now()))
        assert (await upload(one, ("more.wav", make_wav(seed=5)))).status_code == 200
    await clean()


async def test_an_editors_staged_bytes_are_limited(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor, editor_id: UUID
) -> None:
    async with create_clients(settings, token_for, editor_id, max_user_file_bytes=10_000) as (one, _):
        await upload_and_parse(one, FILES[0])
        response = await upload(one, FILES[1])
        assert (response.status_code, response.json()["code"]) == (409, "upload_quota_exceeded")
