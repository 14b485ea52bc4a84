"""Upload sessions: visible to all editors, usable only by their owner."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from importer.models import UploadSession
from shared.clock import utc_now
from shared.data.db import Database
from shared.testing import TokenFor
from sqlalchemy import update
from tests.uploading import (
    AUDIO,
    END,
    FILES,
    FORM,
    PARTS,
    UPLOADS,
    Clean,
    build_part,
    upload,
    upload_and_parse,
)


@pytest.fixture
async def other(
    app: FastAPI, editor: httpx.AsyncClient, token_for: TokenFor
) -> AsyncIterator[httpx.AsyncClient]:
    """Another editor's client of the same application."""
    headers = {"Authorization": f"Bearer {token_for(uuid4(), 'admin')}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
    ) as client:
        yield client


async def test_a_session_is_visible_to_all_editors_and_usable_by_its_owner(
    editor: httpx.AsyncClient, other: httpx.AsyncClient, editor_id: UUID, clean: Clean
) -> None:
    session_id = (await upload_and_parse(editor, *FILES))["upload_session_id"]
    response = await other.get(f"{UPLOADS}/{session_id}")
    assert (response.status_code, response.json()["owner_id"], len(response.json()["files"])) == (
        200,
        str(editor_id),
        3,
    )
    assert [summary["id"] for summary in (await other.get(UPLOADS)).json()["upload_sessions"]] == [session_id]
    for refused in (
        await upload(other, FILES[0], session_id=session_id),
        await other.delete(f"{UPLOADS}/{session_id}"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "not_your_upload_session")
    await clean()


async def test_sessions_and_files_are_paged(
    editor: httpx.AsyncClient, other: httpx.AsyncClient, editor_id: UUID
) -> None:
    ids = [(await upload_and_parse(editor, *FILES))["upload_session_id"] for _ in range(3)]
    await upload_and_parse(other, FILES[0])
    page = (await editor.get(UPLOADS, params={"limit": 2, "owner_id": str(editor_id)})).json()
    assert [summary["id"] for summary in page["upload_sessions"]] == ids[:0:-1]
    assert [summary["file_count"] for summary in page["upload_sessions"]] == [3, 3]
    assert page["pagination"]["total"] == 3
    cursor = page["pagination"]["next_cursor"]
    page = (
        await editor.get(UPLOADS, params={"limit": 2, "owner_id": str(editor_id), "cursor": cursor})
    ).json()
    assert [summary["id"] for summary in page["upload_sessions"]] == ids[:1]
    files = (await editor.get(f"{UPLOADS}/{ids[0]}", params={"limit": 2})).json()
    assert (len(files["files"]), files["pagination"]["total"]) == (2, 3)
    cursor = files["pagination"]["next_cursor"]
    files = (await editor.get(f"{UPLOADS}/{ids[0]}", params={"limit": 2, "cursor": cursor})).json()
    assert [file["stored_filename"] for file in files["files"]] == ["0.wav"]


async def test_an_expired_session_accepts_no_files(
    editor: httpx.AsyncClient, committed_database: Database, clean: Clean
) -> None:
    session_id = (await upload_and_parse(editor, FILES[0]))["upload_session_id"]
    async with committed_database.transaction() as session:
        await session.execute(update(UploadSession).values(expires_at=utc_now() - timedelta(seconds=1)))
    response = await upload(editor, FILES[1], session_id=session_id)
    assert (response.status_code, response.json()["code"]) == (410, "upload_session_expired")
    await clean()


async def test_a_session_that_ends_during_an_upload_accepts_no_further_files(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await upload_and_parse(editor, FILES[0]))["upload_session_id"]

    async def stream_body() -> AsyncIterator[bytes]:
        yield build_part("upload_session_id", session_id.encode())
        yield PARTS[1][:-1000]
        await asyncio.sleep(0.2)
        assert (await editor.delete(f"{UPLOADS}/{session_id}")).status_code == 204
        yield PARTS[1][-1000:] + END

    response = await editor.post(AUDIO, content=stream_body(), headers=FORM)
    assert (response.status_code, response.json()["code"]) == (410, "upload_session_expired")
    await clean()


async def test_only_editors_and_admins_can_use_upload_sessions(
    app: FastAPI, editor: httpx.AsyncClient, token_for: TokenFor
) -> None:
    calls = [
        ("POST", AUDIO),
        ("GET", UPLOADS),
        ("GET", f"{UPLOADS}/{uuid4()}"),
        ("DELETE", f"{UPLOADS}/{uuid4()}"),
    ]
    for method, path in calls:
        for token, status in ((token_for(uuid4(), "learner"), 403), ("", 401)):
            headers = {"Authorization": f"Bearer {token}"} if token else {"Authorization": ""}
            assert (await editor.request(method, path, headers=headers)).status_code == status, (method, path)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_unknown_session_is_not_found(editor: httpx.AsyncClient, method: str) -> None:
    response = await editor.request(method, f"{UPLOADS}/{uuid4()}")
    assert (response.status_code, response.json()["code"]) == (404, "upload_session_not_found")
    assert (await editor.request(method, f"{UPLOADS}/x")).status_code == 422
