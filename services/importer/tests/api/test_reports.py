from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from importer.settings import ApiSettings
from shared.data.db import Database
from shared.data.storage import Storage

JOBS = "/api/v1/admin/import/jobs"
REPORT = b"\xef\xbb\xbfaudio_filename,error_codes\r\n" + b"a.mp3,unknown_level\r\n" * 80_000

type Add = Callable[..., Awaitable[UUID]]


@pytest.fixture
def stored(committed_database: Database, add_import: Add) -> Add:
    async def add(**overrides: Any) -> UUID:
        async with committed_database.transaction() as session:
            return await add_import(session, **overrides)

    return add


@pytest.fixture
async def key(storage: Storage) -> str:
    key = f"imports/{uuid4()}/report.csv"
    await storage.put(key, REPORT, content_type="text/csv")
    return key


async def test_a_report_is_downloaded_as_a_file(editor: httpx.AsyncClient, stored: Add, key: str) -> None:
    job_id = await stored(state="rejected", report_key=key, source_filename="caf\u00e9 4.xlsx")
    response = await editor.get(f"{JOBS}/{job_id}/errors.csv")
    assert (response.status_code, response.content == REPORT) == (200, True)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"caf_ 4-errors.csv\"; filename*=UTF-8''caf%C3%A9%204-errors.csv"
    )


@pytest.mark.parametrize("name", ['a".csv', "a\r\nSet-Cookie: x", "\u202ea", ";", "日本"])
async def test_no_file_name_can_add_a_header(
    editor: httpx.AsyncClient, stored: Add, key: str, name: str
) -> None:
    job_id = await stored(state="rejected", report_key=key, source_filename=name)
    response = await editor.get(f"{JOBS}/{job_id}/errors.csv")
    assert response.status_code == 200
    disposition = response.headers["Content-Disposition"]
    assert disposition.isascii()
    assert disposition.isprintable()
    assert disposition.count('"') == 2
    assert "set-cookie" not in response.headers


async def test_head_sends_no_report(editor: httpx.AsyncClient, stored: Add, key: str) -> None:
    job_id = await stored(state="completed", report_key=key)
    response = await editor.head(f"{JOBS}/{job_id}/errors.csv")
    assert (response.status_code, response.content) == (200, b"")
    assert "attachment" in response.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("job", "status", "code"),
    [
        ({"state": "queued"}, 409, "report_not_ready"),
        ({"state": "validating", "report_key": "imports/a/report.csv"}, 409, "report_not_ready"),
        ({"state": "failed"}, 404, "report_not_found"),
        ({"state": "cancelled", "report_key": "imports/a/report.csv"}, 404, "report_not_found"),
        ({"state": "completed", "report_key": "imports/gone/report.csv"}, 404, "report_not_found"),
    ],
)
async def test_a_missing_report_has_a_reason(
    editor: httpx.AsyncClient, stored: Add, storage: Storage, job: dict[str, Any], status: int, code: str
) -> None:
    response = await editor.get(f"{JOBS}/{await stored(**job)}/errors.csv")
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_an_unknown_import_has_no_report(editor: httpx.AsyncClient) -> None:
    response = await editor.get(f"{JOBS}/{uuid4()}/errors.csv")
    assert (response.status_code, response.json()["code"]) == (404, "import_not_found")


async def test_a_report_is_unavailable_without_storage(
    app: FastAPI, editor: httpx.AsyncClient, stored: Add, key: str, settings: ApiSettings
) -> None:
    job_id = await stored(state="rejected", report_key=key)
    app.state.storage = Storage(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    response = await editor.get(f"{JOBS}/{job_id}/errors.csv")
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")


async def test_downloads_are_limited_per_editor(
    app: FastAPI, editor: httpx.AsyncClient, editor_id: UUID, stored: Add, key: str
) -> None:
    job_id = await stored(state="rejected", report_key=key)
    with app.state.download_slots.reserve(editor_id), app.state.download_slots.reserve(editor_id):
        response = await editor.get(f"{JOBS}/{job_id}/errors.csv")
        assert (response.status_code, response.json()["code"]) == (429, "too_many_streams")
    assert (await editor.get(f"{JOBS}/{job_id}/errors.csv")).status_code == 200
