"""An uploaded table becomes exactly one import, or leaves nothing behind."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.importer import ImportRequested
from importer.commands.imports import ValidateImport
from importer.models import AuditEntry, ImportJob, PendingObject
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.storage import Storage, StorageUnavailable
from shared.testing import OutboxJobs, TokenFor, outbox_events
from sqlalchemy import func, select

CSV = "/api/v1/admin/import/csv"
JOBS = "/api/v1/admin/import/jobs"
TABLE = b"audio_filename,text,level\na.mp3,Hello.,A1\n"
BOUNDARY = "parley-boundary"

type Add = Callable[..., Awaitable[UUID]]


@pytest.fixture
def new_session(committed_database: Database, add_session: Add) -> Add:
    """Adds an upload session in a separate transaction."""

    async def add(**overrides: Any) -> UUID:
        async with committed_database.transaction() as session:
            return await add_session(session, **overrides)

    return add


@pytest.fixture
async def session_id(new_session: Add) -> UUID:
    return await new_session()


@pytest.fixture(autouse=True)
async def empty_bucket(storage: Storage) -> None:
    await storage.delete(await storage.list_keys())


def build_file(content: bytes = TABLE, name: str = "lesson.csv") -> dict[str, Any]:
    return {"file": (name, content, "application/octet-stream")}


async def send(editor: httpx.AsyncClient, session_id: UUID, **fields: str) -> httpx.Response:
    return await editor.post(CSV, data={"upload_session_id": str(session_id), **fields}, files=build_file())


async def get_only_job(database: Database) -> ImportJob:
    async with database.transaction() as session:
        return (await session.scalars(select(ImportJob))).one()


async def assert_nothing_is_stored(database: Database, storage: Storage) -> None:
    async with database.transaction() as session:
        for table in (ImportJob, PendingObject):
            assert (await session.scalars(select(func.count()).select_from(table))).one() == 0
    assert await storage.list_keys() == []


async def test_a_table_is_stored_and_its_validation_is_queued(
    editor: httpx.AsyncClient,
    committed_database: Database,
    storage: Storage,
    session_id: UUID,
    editor_id: UUID,
    outbox_jobs: OutboxJobs,
) -> None:
    response = await send(editor, session_id)
    assert response.status_code == 202, response.text
    job_id = response.json()["job_id"]
    assert response.json()["status_url"] == response.headers["Location"] == f"{JOBS}/{job_id}"
    assert (await editor.get(response.headers["Location"])).json()["state"] == "queued"
    job = await get_only_job(committed_database)
    assert (str(job.id), job.owner_id, job.session_id, job.dry_run) == (job_id, editor_id, session_id, False)
    assert (job.source_filename, job.source_sha256) == ("lesson.csv", hashlib.sha256(TABLE).digest())
    assert await storage.list_keys() == [job.source_key] == [f"imports/{job_id}/source"]
    assert await storage.read(job.source_key, max_bytes=1000) == TABLE
    async with committed_database.transaction() as session:
        assert [request.import_id for request in await outbox_jobs(session, ValidateImport)] == [job.id]
        assert [event.data.import_id for event in await outbox_events(session, ImportRequested)] == [job.id]
        [entry] = await session.scalars(select(AuditEntry))
        assert (entry.action, entry.actor_id, entry.subject_id) == ("import_created", editor_id, job.id)
        assert (await session.scalars(select(PendingObject))).all() == []


@pytest.mark.parametrize(
    ("value", "is_dry"),
    [("true", True), ("True", True), ("1", True), ("on", True), ("false", False), ("0", False)],
)
async def test_a_dry_run_can_be_requested_in_several_spellings(
    editor: httpx.AsyncClient, committed_database: Database, session_id: UUID, value: str, is_dry: bool
) -> None:
    assert (await send(editor, session_id, dry_run=value)).status_code == 202
    assert (await get_only_job(committed_database)).dry_run == is_dry
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, ImportRequested)) == (0 if is_dry else 1)


def build_form(*parts: tuple[str, str | None, bytes]) -> bytes:
    body = b""
    for name, filename, value in parts:
        file_name = f'; filename="{filename}"' if filename is not None else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file_name}\r\n\r\n'
        body += head.encode() + value + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


async def send_form(editor: httpx.AsyncClient, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return await editor.post(CSV, content=body, headers=headers)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
async def test_the_fields_come_in_any_order(
    editor: httpx.AsyncClient, session_id: UUID, order: tuple[int, ...]
) -> None:
    parts = [
        ("file", "a.csv", TABLE),
        ("upload_session_id", None, str(session_id).encode()),
        ("dry_run", None, b"no"),
    ]
    response = await send_form(editor, build_form(*(parts[index] for index in order)))
    assert response.status_code == 202, response.text


@pytest.mark.parametrize(
    ("name", "expected_name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\lesson 4.csv", "lesson 4.csv"),
        ("...", "table"),
        ("", "table"),
        ("cafe\u0301.csv", "caf\u00e9.csv"),
        ("\u202egpj.csv", "gpj.csv"),
        ("a" * 10_000 + ".csv", "table"),
    ],
)
async def test_the_name_of_a_table_is_cleaned(
    editor: httpx.AsyncClient, committed_database: Database, session_id: UUID, name: str, expected_name: str
) -> None:
    body = build_form(("file", name, TABLE), ("upload_session_id", None, str(session_id).encode()))
    response = await send_form(editor, body)
    assert response.status_code == 202, response.text
    assert (await get_only_job(committed_database)).source_filename == expected_name


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([], 422, "validation_failed"),
        ([("upload_session_id", None, b"ID")], 422, "validation_failed"),
        ([("file", "a.csv", TABLE)], 422, "validation_failed"),
        ([("file", "a.csv", TABLE), ("upload_session_id", None, b"no id")], 422, "validation_failed"),
        (
            [("upload_session_id", None, b"ID"), ("file", "a.csv", TABLE), ("file", "b.csv", TABLE)],
            422,
            "validation_failed",
        ),
        (
            [
                ("file", "a.csv", TABLE),
                ("upload_session_id", None, b"ID"),
                ("upload_session_id", None, b"ID"),
            ],
            400,
            "malformed_form",
        ),
        ([("file", "a.csv", b""), ("upload_session_id", None, b"ID")], 422, "empty_table"),
        (
            [("file", "a.csv", TABLE), ("upload_session_id", None, b"ID"), ("dry_run", None, b"maybe")],
            422,
            "validation_failed",
        ),
        (
            [("file", "a.csv", TABLE), ("upload_session_id", None, b"ID"), ("dryrun", None, b"1")],
            422,
            "unknown_field",
        ),
        ([("file", "a.csv", TABLE), ("upload_session_id", None, b"x" * 5000)], 400, "malformed_form"),
        ([("file", "a.csv", TABLE), ("upload_session_id", None, b"\xff")], 400, "malformed_form"),
    ],
)
async def test_an_invalid_form_leaves_no_rows_or_objects(
    editor: httpx.AsyncClient,
    committed_database: Database,
    storage: Storage,
    session_id: UUID,
    parts: list[tuple[str, str | None, bytes]],
    status: int,
    code: str,
) -> None:
    session_id_bytes = str(session_id).encode()
    filled = build_form(
        *((name, filename, value.replace(b"ID", session_id_bytes)) for name, filename, value in parts)
    )
    response = await send_form(editor, filled)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    await assert_nothing_is_stored(committed_database, storage)


async def test_another_content_type_is_refused(editor: httpx.AsyncClient) -> None:
    for kind in ("text/csv", "application/json", "multipart/form-data"):
        response = await editor.post(CSV, content=TABLE, headers={"Content-Type": kind})
        assert (response.status_code, response.json()["code"]) == (400, "malformed_form")


async def test_a_table_that_is_too_large_leaves_no_rows_or_objects(
    editor: httpx.AsyncClient,
    committed_database: Database,
    storage: Storage,
    session_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importer.commands.tables.MAX_TABLE_BYTES", 6 * 1024 * 1024)
    data = {"upload_session_id": str(session_id)}
    # Larger than one part of an upload to S3.
    response = await editor.post(CSV, data=data, files=build_file(bytes(6 * 1024 * 1024 + 1)))
    assert (response.status_code, response.json()["code"]) == (413, "table_too_large")
    await assert_nothing_is_stored(committed_database, storage)


async def test_an_interrupted_upload_leaves_no_rows_or_objects(
    editor: httpx.AsyncClient, committed_database: Database, storage: Storage, session_id: UUID
) -> None:
    body = build_form(
        ("upload_session_id", None, str(session_id).encode()), ("file", "a.csv", bytes(7_000_000))
    )

    async def stream_first_half() -> AsyncIterator[bytes]:
        for start in range(0, 6_000_000, 65_536):
            yield body[start : start + 65_536]

    response = await send_form(editor, stream_first_half())
    assert (response.status_code, response.json()["code"]) == (400, "malformed_form")
    await assert_nothing_is_stored(committed_database, storage)


async def test_an_upload_session_must_belong_to_the_editor_and_not_be_expired(
    editor: httpx.AsyncClient, committed_database: Database, storage: Storage, new_session: Add
) -> None:
    sessions = {
        uuid4(): (404, "upload_session_not_found"),
        await new_session(owner_id=uuid4()): (403, "not_your_upload_session"),
        await new_session(expires_at=utc_now() - timedelta(seconds=1)): (410, "upload_session_expired"),
    }
    for session_id, expected in sessions.items():
        response = await send(editor, session_id)
        assert (response.status_code, response.json()["code"]) == expected
    await assert_nothing_is_stored(committed_database, storage)


async def test_concurrent_uploads_of_a_table_create_one_import(
    editor: httpx.AsyncClient, committed_database: Database, storage: Storage, session_id: UUID
) -> None:
    responses = await asyncio.gather(*(send(editor, session_id) for _ in range(6)))
    assert sorted(response.status_code for response in responses) == [202, *[409] * 5]
    [created] = [response.json()["job_id"] for response in responses if response.status_code == 202]
    refused = [response.json() for response in responses if response.status_code == 409]
    assert {(error["code"], error["job_id"]) for error in refused} == {("import_in_progress", created)}
    assert await storage.list_keys() == [f"imports/{created}/source"]


async def test_an_editor_can_have_three_unfinished_imports(
    editor: httpx.AsyncClient, storage: Storage, new_session: Add, token_for: TokenFor
) -> None:
    sessions = [await new_session() for _ in range(5)]
    responses = await asyncio.gather(*(send(editor, session) for session in sessions))
    assert sorted(response.status_code for response in responses) == [202, 202, 202, 409, 409]
    assert {response.json().get("code") for response in responses} == {None, "too_many_imports"}
    assert len(await storage.list_keys()) == 3
    [job_id, *_] = [response.json()["job_id"] for response in responses if response.status_code == 202]
    assert (await editor.post(f"{JOBS}/{job_id}/cancel")).status_code == 202
    free = [
        session for session, response in zip(sessions, responses, strict=True) if response.status_code == 409
    ]
    assert (await send(editor, free[0])).status_code == 202
    other = uuid4()
    other_session = await new_session(owner_id=other)
    editor.headers["Authorization"] = f"Bearer {token_for(other, 'editor')}"
    assert (await send(editor, other_session)).status_code == 202


async def test_an_import_is_refused_while_the_storage_is_unavailable(
    editor: httpx.AsyncClient,
    committed_database: Database,
    session_id: UUID,
    app: Any,
    settings: Any,
) -> None:
    app.state.storage = Storage(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    response = await send(editor, session_id)
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    assert response.headers["Retry-After"]
    async with committed_database.transaction() as session:
        assert (await session.scalars(select(ImportJob))).all() == []
        # The object may have been stored nevertheless; the worker deletes it by this row.
        assert len((await session.scalars(select(PendingObject))).all()) == 1


async def test_an_outage_during_an_upload_leaves_a_pending_object(
    editor: httpx.AsyncClient,
    committed_database: Database,
    session_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object, **__: object) -> int:
        raise StorageUnavailable("S3 went away, and is back.")

    monkeypatch.setattr(Storage, "put_stream", fail)
    assert (await send(editor, session_id)).status_code == 503
    async with committed_database.transaction() as session:
        assert len((await session.scalars(select(PendingObject))).all()) == 1


async def test_learners_cannot_create_imports(editor: httpx.AsyncClient, token_for: TokenFor) -> None:
    editor.headers["Authorization"] = f"Bearer {token_for(uuid4())}"
    assert (await send(editor, uuid4())).status_code == 403
