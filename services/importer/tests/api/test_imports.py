from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from importer.models import RowError
from shared.clock import utc_now
from shared.data.db import Database
from shared.testing import TokenFor

JOBS = "/api/v1/admin/import/jobs"

type AddImport = Callable[..., Awaitable[UUID]]


@pytest.fixture
def stored(committed_database: Database, add_import: AddImport) -> AddImport:
    """Adds an import in a separate transaction."""

    async def add(**overrides: Any) -> UUID:
        async with committed_database.transaction() as session:
            return await add_import(session, **overrides)

    return add


async def test_an_import_is_shown_with_its_first_problems(
    editor: httpx.AsyncClient, stored: AddImport, committed_database: Database, editor_id: UUID
) -> None:
    job_id = await stored(
        state="rejected", rows_total=200, rows_checked=200, error_count=150, encoding="utf-8", delimiter=";"
    )
    async with committed_database.transaction() as session:
        problem = {"column": "level", "code": "unknown_level", "severity": "error", "message": "No level."}
        cells = {"text": "Hello.", "level": "D3"}
        session.add_all(
            RowError(job_id=job_id, row=row, value="D3", cells=cells, **problem) for row in range(2, 152)
        )
    response = await editor.get(f"{JOBS}/{job_id}")
    assert response.status_code == 200
    body = response.json()
    assert (body["id"], body["state"], body["owner_id"]) == (str(job_id), "rejected", str(editor_id))
    assert (body["rows_total"], body["rows_checked"], body["error_count"]) == (200, 200, 150)
    assert (body["filename"], body["encoding"], body["delimiter"]) == ("a.csv", "utf-8", ";")
    assert body["failure"] is None
    assert [error["row"] for error in body["errors"]] == list(range(2, 102))
    assert body["errors"][0] == {
        "row": 2,
        "column": "level",
        "code": "unknown_level",
        "severity": "error",
        "error": "No level.",
        "value": "D3",
        "cells": cells,
    }


async def test_a_failed_import_has_its_reason(editor: httpx.AsyncClient, stored: AddImport) -> None:
    job_id = await stored(
        state="failed", failure_code="not_a_table", failure_detail="This is a picture.", finished_at=utc_now()
    )
    body = (await editor.get(f"{JOBS}/{job_id}")).json()
    assert body["failure"] == {"code": "not_a_table", "detail": "This is a picture.", "row": None}
    assert body["finished_at"]


async def test_an_unknown_import_is_not_found(editor: httpx.AsyncClient) -> None:
    for response in (
        await editor.get(f"{JOBS}/{uuid4()}"),
        await editor.post(f"{JOBS}/{uuid4()}/cancel"),
        await editor.post(f"{JOBS}/{uuid4()}/undo"),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "import_not_found")


async def test_imports_of_all_editors_are_listed_newest_first(
    editor: httpx.AsyncClient, stored: AddImport
) -> None:
    ids = [await stored(), await stored(state="completed"), await stored(owner_id=uuid4())]
    first = (await editor.get(JOBS, params={"limit": 2})).json()
    assert [job["id"] for job in first["jobs"]] == [str(ids[2]), str(ids[1])]
    assert first["pagination"]["total"] == 3
    cursor = first["pagination"]["next_cursor"]
    next_page = (await editor.get(JOBS, params={"limit": 2, "cursor": cursor})).json()
    assert [job["id"] for job in next_page["jobs"]] == [str(ids[0])]


async def test_imports_are_filtered_by_state_and_owner(
    editor: httpx.AsyncClient, stored: AddImport, editor_id: UUID
) -> None:
    other = uuid4()
    await stored(state="completed")
    own_import, other_import = await stored(), await stored(owner_id=other, state="completed")

    async def list_ids(**params: str) -> list[str]:
        return [job["id"] for job in (await editor.get(JOBS, params=params)).json()["jobs"]]

    assert await list_ids(state="queued") == [str(own_import)]
    assert await list_ids(owner_id=str(other)) == [str(other_import)]
    assert await list_ids(owner_id=str(editor_id), state="rejected") == []
    assert (await editor.get(JOBS, params={"state": "asleep"})).status_code == 422


async def test_cancelling_twice_returns_the_same_response(
    editor: httpx.AsyncClient, stored: AddImport
) -> None:
    job_id = await stored(state="validating")
    for _ in range(2):
        response = await editor.post(f"{JOBS}/{job_id}/cancel")
        assert (response.status_code, response.json()) == (202, {"id": str(job_id), "state": "cancelled"})


async def test_undoing_twice_returns_the_same_response(editor: httpx.AsyncClient, stored: AddImport) -> None:
    job_id = await stored(state="completed")
    for _ in range(2):
        response = await editor.post(f"{JOBS}/{job_id}/undo")
        assert (response.status_code, response.json()) == (202, {"id": str(job_id), "state": "undoing"})


@pytest.mark.parametrize(
    ("call", "state", "code"),
    [
        ("cancel", "applying", "import_not_cancellable"),
        ("cancel", "completed", "import_not_cancellable"),
        ("undo", "applying", "import_not_undoable"),
        ("undo", "failed", "import_not_undoable"),
    ],
)
async def test_changes_that_the_state_does_not_allow_are_refused(
    editor: httpx.AsyncClient, stored: AddImport, call: str, state: str, code: str
) -> None:
    response = await editor.post(f"{JOBS}/{await stored(state=state)}/{call}")
    assert (response.status_code, response.json()["code"]) == (409, code)


async def test_another_editors_import_may_be_read_but_not_changed(
    editor: httpx.AsyncClient, stored: AddImport, token_for: TokenFor
) -> None:
    job_id = await stored(owner_id=uuid4())
    assert (await editor.get(f"{JOBS}/{job_id}")).status_code == 200
    response = await editor.post(f"{JOBS}/{job_id}/cancel")
    assert (response.status_code, response.json()["code"]) == (403, "not_your_import")
    admin = {"Authorization": f"Bearer {token_for(uuid4(), 'admin')}"}
    assert (await editor.post(f"{JOBS}/{job_id}/cancel", headers=admin)).status_code == 202


async def test_learners_are_refused(app: FastAPI, editor: httpx.AsyncClient, token_for: TokenFor) -> None:
    learner = {"Authorization": f"Bearer {token_for(uuid4())}"}
    for method, path in (
        ("GET", JOBS),
        ("GET", f"{JOBS}/{uuid4()}"),
        ("POST", f"{JOBS}/{uuid4()}/cancel"),
        ("POST", f"{JOBS}/{uuid4()}/undo"),
        ("GET", "/api/v1/admin/import/audit"),
    ):
        assert (await editor.request(method, path, headers=learner)).status_code == 403


async def test_admins_read_the_audit_log(
    editor: httpx.AsyncClient, stored: AddImport, token_for: TokenFor, editor_id: UUID
) -> None:
    job_id = await stored(state="validating")
    await editor.post(f"{JOBS}/{job_id}/cancel")
    path = "/api/v1/admin/import/audit"
    assert (await editor.get(path)).status_code == 403
    admin = {"Authorization": f"Bearer {token_for(uuid4(), 'admin')}"}
    [entry] = (await editor.get(path, headers=admin, params={"subject_id": str(job_id)})).json()["entries"]
    assert (entry["action"], entry["actor_id"]) == ("import_cancelled", str(editor_id))
    assert (entry["before"], entry["after"]) == ({"state": "validating"}, {"state": "cancelled"})
