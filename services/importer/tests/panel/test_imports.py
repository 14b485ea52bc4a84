from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from importer.models import AuditEntry, ImportJob, RowError
from shared.clock import utc_now
from shared.data.db import Database
from shared.testing import TokenFor
from sqlalchemy import select

IMPORTS = "/admin/importer/imports"
CSRF = "the-value-of-the-session"

type Add = Callable[..., Awaitable[UUID]]


async def send(panel: httpx.AsyncClient, action: str, job_id: UUID, **overrides: Any) -> httpx.Response:
    form = {"csrf_token": CSRF, "submission_id": str(uuid4()), "ids": str(job_id), **overrides}
    return await panel.post(f"{IMPORTS}/actions/{action}", data=form)


async def find_state(database: Database, job_id: UUID) -> str:
    async with database.transaction() as session:
        return (await session.get_one(ImportJob, job_id)).state


async def test_imports_are_listed_newest_first(panel: httpx.AsyncClient, stored: Add) -> None:
    await stored(state="completed", source_filename="first.csv")
    await stored(owner_id=uuid4(), dry_run=True, source_filename="<b>second</b>.csv")
    page = (await panel.get(IMPORTS)).text
    assert page.index("&lt;b&gt;second&lt;/b&gt;.csv") < page.index("first.csv")
    assert ("Another editor" in page, "Check only" in page, "New import" in page) == (True, True, True)
    narrowed = (await panel.get(IMPORTS, params={"state": "completed"})).text
    assert ("first.csv" in narrowed, "second" in narrowed) == (True, False)
    refused = await panel.get(IMPORTS, params={"state": "asleep"})
    assert (refused.status_code, "must be one of the choices" in refused.text) == (422, True)


async def test_an_import_links_to_its_speeches(panel: httpx.AsyncClient, stored: Add) -> None:
    counts = {"success_count": 12, "archived_count": 3}
    for state, dry_run, count in (
        ("completed", False, "12"),
        ("undone", False, "3"),
        ("completed", True, None),
        ("rejected", False, None),
    ):
        job_id = await stored(state=state, dry_run=dry_run, **counts)
        link = f'<a href="/admin/content/speeches?import={job_id}&amp;archived=all">{count}</a>'
        for address in (IMPORTS, f"{IMPORTS}/{job_id}"):
            page = (await panel.get(address)).text
            assert (link in page) == (count is not None)
            assert (f"import={job_id}" in page) == (count is not None)


async def test_an_empty_list_links_to_the_form(panel: httpx.AsyncClient) -> None:
    page = (await panel.get(IMPORTS)).text
    assert "There are no imports yet" in page
    assert f'href="{IMPORTS}/create"' in page


async def test_the_rows_with_problems_are_shown_with_their_cells(
    panel: httpx.AsyncClient, stored: Add, committed_database: Database
) -> None:
    job_id = await stored(state="rejected", rows_total=9, rows_checked=9, error_count=150)
    cells = {"audio_filename": "a.mp3", "text": "<script>alert(1)</script>", "level": "D3"}
    problem = {"severity": "error", "message": "The level is not valid.", "value": "D3"}
    async with committed_database.transaction() as session:
        session.add(
            RowError(job_id=job_id, row=7, column="level", code="unknown_level", cells=cells, **problem)
        )
        # A problem from before cells were stored.
        session.add(RowError(job_id=job_id, row=8, column="level", code="unknown_level", **problem))
        session.add(RowError(job_id=job_id, row=9, column="", code="extra_cells", cells=cells, **problem))
    page = (await panel.get(f"{IMPORTS}/{job_id}")).text
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert page.count("The level is not valid.") == 3
    assert page.count('class="has-problem"') == 2
    assert "These are the first 3 of 150." in page
    assert 'data-following="false"' in page


@pytest.mark.parametrize(
    ("state", "dry_run", "offered"),
    [
        ("queued", False, {"cancel"}),
        ("validating", True, {"cancel"}),
        ("applying", False, set[str]()),
        ("completed", False, {"undo"}),
        ("completed", True, {"repeat"}),
        ("rejected", False, {"repeat"}),
        ("undone", False, set[str]()),
    ],
)
async def test_a_page_offers_the_possible_actions(
    panel: httpx.AsyncClient, stored: Add, state: str, dry_run: bool, offered: set[str]
) -> None:
    job_id = await stored(state=state, dry_run=dry_run)
    page = (await panel.get(f"{IMPORTS}/{job_id}")).text
    buttons = {"cancel": "actions/cancel", "undo": "actions/undo", "repeat": "create?session="}
    assert {name for name, address in buttons.items() if address in page} == offered


async def test_an_import_is_cancelled_and_another_undone(
    panel: httpx.AsyncClient, stored: Add, committed_database: Database, editor_id: UUID
) -> None:
    for action, state, after in (("cancel", "queued", "cancelled"), ("undo", "completed", "undoing")):
        job_id = await stored(state=state)
        response = await send(panel, action, job_id)
        assert response.status_code == 303, response.text
        assert 'role="status" data-message' in (await panel.get(response.headers["location"])).text
        assert await find_state(committed_database, job_id) == after
        async with committed_database.transaction() as session:
            entries = select(AuditEntry.actor_id).where(AuditEntry.subject_id == str(job_id))
            assert list(await session.scalars(entries)) == [editor_id]


async def test_a_refused_action_is_explained(
    panel: httpx.AsyncClient, stored: Add, committed_database: Database
) -> None:
    late, other_session = await stored(state="applying"), await stored(owner_id=uuid4())
    for job_id, status, text in (
        (late, 409, "being applied"),
        (other_session, 403, "Only the editor who started this import"),
    ):
        response = await send(panel, "cancel", job_id)
        assert (response.status_code, text in response.text) == (status, True), response.text
        assert response.headers["content-type"].startswith("text/html")
    assert await find_state(committed_database, other_session) == "queued"
    absent = await send(panel, "cancel", uuid4())
    assert (absent.status_code, absent.headers["location"]) == (303, f"{IMPORTS}?done=gone")


async def test_other_sites_cannot_change_imports(
    panel: httpx.AsyncClient, stored: Add, committed_database: Database
) -> None:
    job_id = await stored()
    assert (await send(panel, "cancel", job_id, csrf_token="guessed")).status_code == 403
    panel.headers["Sec-Fetch-Site"] = "cross-site"
    assert (await send(panel, "cancel", job_id)).status_code == 403
    assert (await panel.get(f"{IMPORTS}/actions/cancel")).status_code in {404, 405}
    assert await find_state(committed_database, job_id) == "queued"


async def test_learners_are_refused(app: FastAPI, panel: httpx.AsyncClient, token_for: TokenFor) -> None:
    learner = {"Authorization": f"Bearer {token_for(uuid4(), csrf=CSRF)}"}
    for path in ("", "/create", f"/{uuid4()}"):
        assert (await panel.get(f"{IMPORTS}{path}", headers=learner)).status_code == 403


async def test_a_new_import_can_use_earlier_recordings(
    panel: httpx.AsyncClient, committed_database: Database, add_session: Add, add_file: Add
) -> None:
    async with committed_database.transaction() as session:
        own_session, other_session = await add_session(session), await add_session(session, owner_id=uuid4())
        expired = await add_session(session, expires_at=utc_now() - timedelta(days=1))
        await add_file(session, own_session, "<b>one</b>.mp3", duration_ms=1_500, size_bytes=1, format="mp3")
    page = (await panel.get(f"{IMPORTS}/create")).text
    assert f"create?session={own_session}" in page
    assert f"create?session={expired}" not in page
    form_page = (await panel.get(f"{IMPORTS}/create", params={"session": str(own_session)})).text
    assert f'data-session="{own_session}"' in form_page
    assert "&lt;b&gt;one&lt;/b&gt;.mp3" in form_page
    for other in (str(other_session), str(expired), str(uuid4()), "none"):
        assert 'data-session=""' in (await panel.get(f"{IMPORTS}/create", params={"session": other})).text
