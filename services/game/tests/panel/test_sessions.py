from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.game import SessionDeleted
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import TokenFor, api_client, find_hidden_fields, outbox_events

type Save = Callable[..., Awaitable[str]]

PAGE = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
CSRF = "the-value-of-the-session"
SESSIONS = "/admin/game/sessions"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
async def panel(app: FastAPI, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which an admin is signed on, behind the gateway."""
    async with api_client(app, token=token_for(uuid4(), "admin", csrf=CSRF)) as client:
        client.headers.update(PAGE)
        yield client


@pytest.fixture
async def editor(app: FastAPI, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(app, token=token_for(uuid4(), "editor", csrf=CSRF)) as client:
        client.headers.update(PAGE)
        yield client


async def test_admins_can_list_and_open_sessions_of_all_learners(
    save: Save, panel: httpx.AsyncClient, learner: UUID
) -> None:
    session_id = await save(NOON)
    for query in ("", f"?level=A1&user_id={learner}&from_date=2026-03-10&to_date=2026-03-10"):
        list_page = await panel.get(SESSIONS + query)
        assert list_page.status_code == 200
        assert f"{SESSIONS}/{session_id}" in list_page.text
    assert session_id not in (await panel.get(f"{SESSIONS}?level=C2")).text
    details_page = await panel.get(f"{SESSIONS}/{session_id}")
    assert details_page.status_code == 200
    assert "Good morning." in details_page.text


@pytest.mark.parametrize(
    "query", ["user_id=x", "from_date=yesterday", "level=Z9", "page=0", "cursor=made-up"]
)
async def test_an_invalid_filter_is_explained(panel: httpx.AsyncClient, query: str) -> None:
    page = await panel.get(f"{SESSIONS}?{query}")
    assert page.status_code in (200, 422)
    assert 'role="alert"' in page.text


async def test_submitting_a_deletion_again_deletes_once(
    save: Save, panel: httpx.AsyncClient, database: Database
) -> None:
    session_id = await save(NOON)
    address = f"{SESSIONS}/{session_id}/delete"
    form = find_hidden_fields((await panel.get(address)).text)
    for _ in range(2):
        assert (await panel.post(address, data=form)).status_code == 303
    async with database.transaction() as session:
        (deleted,) = await outbox_events(session, SessionDeleted)
    assert deleted.data.session_id == UUID(session_id)
    assert (await panel.get(f"{SESSIONS}/{session_id}")).status_code == 404


async def test_only_admins_get_a_link_to_the_learner(
    save: Save, panel: httpx.AsyncClient, editor: httpx.AsyncClient, learner: UUID
) -> None:
    session_id = await save(NOON)
    link = f'href="/admin/auth/learners/{learner}"'
    for path in (SESSIONS, f"{SESSIONS}/{session_id}"):
        assert link in (await panel.get(path)).text
        assert link not in (await editor.get(path)).text


async def test_editors_can_read_but_not_delete_sessions(save: Save, editor: httpx.AsyncClient) -> None:
    session_id = await save(NOON)
    details_page = await editor.get(f"{SESSIONS}/{session_id}")
    assert details_page.status_code == 200
    assert f"{session_id}/delete" not in details_page.text
    address = f"{SESSIONS}/{session_id}/delete"
    assert (await editor.get(address)).status_code == 403
    assert (
        await editor.post(address, data={"csrf_token": CSRF, "submission_id": str(uuid4())})
    ).status_code == 403
    assert (await editor.get(f"{SESSIONS}/{session_id}")).status_code == 200
