"""Interrupted, stalled and malformed uploads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from importer.api import uploads as api
from importer.commands.upload_sessions import purge_abandoned_files
from importer.models import UploadedFile, UploadSession
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage, StorageUnavailable
from shared.testing import TokenFor
from sqlalchemy import select, update
from starlette.types import Message
from tests.sounds import make_wav
from tests.uploading import (
    AUDIO,
    BOUNDARY,
    END,
    FILES,
    FORM,
    PARTS,
    UPLOADS,
    Clean,
    build_part,
    list_names,
    send,
    upload,
    upload_and_parse,
)


async def send_and_disconnect(app: FastAPI, token: str, chunks: list[bytes], **headers: str) -> list[Message]:
    """Send an unfinished request in chunks, then disconnect. Returns the messages of the response."""
    waiting, response = list(chunks), list[Message]()

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(0), "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        response.append(message)

    sent = {**FORM, "Authorization": f"Bearer {token}", "Host": "test", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": AUDIO,
        "raw_path": AUDIO.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "http_version": "1.1",
    }
    await app(scope, receive, send)
    return response


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "209715200"}])
async def test_complete_files_are_kept_when_the_client_disconnects(
    app: FastAPI,
    editor: httpx.AsyncClient,
    editor_id: UUID,
    token_for: TokenFor,
    clean: Clean,
    headers: dict[str, str],
) -> None:
    session_id = (await upload_and_parse(editor, ("first.wav", make_wav(seed=9))))["upload_session_id"]
    field = build_part("upload_session_id", session_id.encode())
    chunks = [field, PARTS[0], PARTS[1], PARTS[2][: len(PARTS[2]) // 2]]
    response = await send_and_disconnect(app, token_for(editor_id, "editor"), chunks, **headers)
    assert response[0]["status"] == 400
    await clean()
    session = (await editor.get(f"{UPLOADS}/{session_id}")).json()
    assert [file["stored_filename"] for file in session["files"]] == ["1.wav", "0.wav", "first.wav"]
    again = await upload_and_parse(editor, *FILES, session_id=session_id)
    assert [file["already_there"] for file in again["uploaded_files"]] == [True, True, False]
    await clean()


async def test_an_upload_that_ends_after_one_byte_stores_nothing(
    app: FastAPI, editor: httpx.AsyncClient, editor_id: UUID, token_for: TokenFor, clean: Clean
) -> None:
    token = token_for(editor_id, "editor")
    response = await send_and_disconnect(app, token, [b"-"], **{"Content-Length": "209715200"})
    assert response[0]["status"] == 400
    await clean()


async def test_an_upload_without_a_length_is_accepted(editor: httpx.AsyncClient, clean: Clean) -> None:
    body = b"".join(PARTS) + END
    response = await send(editor, *(body[start : start + 5000] for start in range(0, len(body), 5000)))
    assert response.status_code == 200
    assert list_names(response.json()) == ["0.wav", "1.wav", "2.wav"]
    await clean()


@pytest.mark.parametrize(
    "chunks",
    [
        [*PARTS[:2], f"--{BOUNDARY}\r\ngarbage".encode()],
        [*PARTS[:2], PARTS[2][:-100]],
        [*PARTS[:2], f"--{BOUNDARY}\r\n".encode()],
        [b"".join(PARTS[:2]) + f"--{BOUNDARY}\r\nno header\r\n\r\n".encode()],
    ],
)
async def test_complete_files_of_a_broken_form_are_kept(
    editor: httpx.AsyncClient, chunks: list[bytes], clean: Clean
) -> None:
    response = await send(editor, *chunks)
    assert (response.status_code, response.json()["code"]) == (400, "malformed_form")
    session = (await editor.get(f"{UPLOADS}/{response.json()['upload_session_id']}")).json()
    assert [file["stored_filename"] for file in session["files"]] == ["1.wav", "0.wav"]
    await clean()


@pytest.mark.parametrize(
    ("chunks", "status", "code"),
    [
        ([b""], 400, "malformed_form"),
        ([b"garbage"], 400, "malformed_form"),
        ([PARTS[0].replace(b"parley", b"other!")], 400, "malformed_form"),
        ([END], 422, "validation_failed"),
        ([build_part("upload_session_id", b"x"), PARTS[0], END], 422, "validation_failed"),
        ([build_part("upload_session_id", b"\xff"), END], 400, "malformed_form"),
        ([build_part("upload_session_id", b"0" * 1000), END], 400, "malformed_form"),
        (
            [build_part("upload_session_id", str(uuid4()).encode()), PARTS[0], END],
            404,
            "upload_session_not_found",
        ),
        ([build_part("file", b"x", "a.wav"), END], 422, "unknown_field"),
        ([build_part("x" * 5000, b"x"), END], 422, "unknown_field"),
        ([build_part("dry_run", b"true"), PARTS[0], END], 422, "unknown_field"),
    ],
)
async def test_forms_without_a_file_change_nothing(
    editor: httpx.AsyncClient,
    committed_database: Database,
    chunks: list[bytes],
    status: int,
    code: str,
    clean: Clean,
) -> None:
    response = await send(editor, *chunks)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert "upload_session_id" not in response.json()
    await clean()
    async with committed_database.transaction() as session:
        assert (await session.scalars(select(UploadSession))).all() == []


async def test_a_json_body_is_refused(editor: httpx.AsyncClient) -> None:
    response = await editor.post(AUDIO, json={})
    assert (response.status_code, response.json()["code"]) == (400, "malformed_form")


async def test_bytes_after_the_form_are_ignored(editor: httpx.AsyncClient, clean: Clean) -> None:
    response = await send(editor, *PARTS, END, b"garbage" * 1000)
    assert (response.status_code, len(response.json()["uploaded_files"])) == (200, 3)
    await clean()


async def test_a_session_id_after_the_files_discards_the_upload(
    editor: httpx.AsyncClient, clean: Clean
) -> None:
    session_id = (await upload_and_parse(editor, FILES[0]))["upload_session_id"]
    late = build_part("upload_session_id", session_id.encode())
    response = await send(editor, *PARTS, late, END)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "#/upload_session_id")
    await clean()
    new_session_id = response.json()["upload_session_id"]
    assert (await editor.get(f"{UPLOADS}/{new_session_id}")).json()["files"] == []
    # Files of earlier uploads are not discarded.
    response = await send(editor, late, *PARTS, late, END)
    assert response.status_code == 422
    await clean()
    files = (await editor.get(f"{UPLOADS}/{session_id}")).json()["files"]
    assert [file["stored_filename"] for file in files] == ["0.wav"]


async def test_a_stalled_upload_times_out(
    app: FastAPI,
    editor: httpx.AsyncClient,
    editor_id: UUID,
    token_for: TokenFor,
    monkeypatch: pytest.MonkeyPatch,
    clean: Clean,
) -> None:
    monkeypatch.setattr(api, "MAX_IDLE_SECONDS", 0.2)

    async def stream_and_stall() -> AsyncIterator[bytes]:
        yield PARTS[0]
        yield PARTS[1][:1000]
        await asyncio.sleep(5)

    response = await editor.post(AUDIO, content=stream_and_stall(), headers=FORM)
    assert (response.status_code, response.json()["code"]) == (408, "request_timeout")
    await clean()


async def test_an_upload_that_takes_too_long_times_out(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    monkeypatch.setattr(api, "MAX_SECONDS", 1.5)

    async def stream_slowly() -> AsyncIterator[bytes]:
        yield PARTS[0] + PARTS[1][:100]
        for byte in PARTS[1][100:]:
            await asyncio.sleep(0.05)
            yield bytes([byte])

    response = await editor.post(AUDIO, content=stream_slowly(), headers=FORM)
    assert (response.status_code, response.json()["code"]) == (408, "request_timeout")
    files = (await editor.get(f"{UPLOADS}/{response.json()['upload_session_id']}")).json()["files"]
    assert [file["stored_filename"] for file in files] == ["0.wav"]
    await clean()


async def test_an_upload_aborted_by_a_stopping_server_can_be_continued(
    app: FastAPI, editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, clean: Clean
) -> None:
    uploading = asyncio.Event()

    async def cut() -> AsyncIterator[bytes]:
        yield PARTS[0]
        yield PARTS[1][:1000]
        uploading.set()
        await asyncio.sleep(5)

    answering = asyncio.create_task(editor.post(AUDIO, content=cut(), headers=FORM))
    await uploading.wait()
    monkeypatch.setattr(app.state, "stopping", True, raising=False)
    answering.cancel()
    response = await answering
    assert (response.status_code, response.json()["code"]) == (503, "unavailable"), response.text
    assert response.headers["retry-after"] == "1"
    await clean()
    again = await upload_and_parse(editor, *FILES, session_id=response.json()["upload_session_id"])
    assert [file["already_there"] for file in again["uploaded_files"]] == [True, False, False]
    await clean()


async def test_a_cancelled_upload_leaves_no_partial_file(editor: httpx.AsyncClient, clean: Clean) -> None:
    async def stream_and_stall() -> AsyncIterator[bytes]:
        yield PARTS[0]
        yield PARTS[1][:1000]
        await asyncio.sleep(5)

    task = asyncio.create_task(editor.post(AUDIO, content=stream_and_stall(), headers=FORM))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await clean()


@pytest.mark.parametrize("method", ["put_stream", "read_stream"])
async def test_the_worker_cleans_up_an_upload_that_failed_without_storage(
    app: FastAPI,
    editor: httpx.AsyncClient,
    committed_database: Database,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
    clean: Clean,
    method: str,
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("The audio storage does not answer.")

    monkeypatch.setattr(app.state.storage, method, fail)
    response = await upload(editor, ("long.wav", make_wav(60)))
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    async with committed_database.transaction() as session:
        await session.execute(update(UploadedFile).values(created_at=utc_now() - timedelta(hours=2)))
    await purge_abandoned_files(committed_database, storage)
    await clean()
    assert await storage.list_keys() == []
