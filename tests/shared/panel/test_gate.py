"""Access to pages by role, and their protection against other sites."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from shared.data.audit_log import AuditEntry
from shared.panel import Listing, ListQuery, ResourceView
from shared.security.current_user import Role
from shared.testing import TokenFor
from sqlalchemy import select
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from tests.shared.panel.demo import ABSENT, CSRF, FORM, NOTES, NoteView, count_notes

OUR_ROUTES = {
    "/statics",
    "/status/{status}",
    "/",
    "/{identity}",
    "/{identity}/create",
    "/{identity}/export.csv",
    "/{identity}/lookup",
    "/{identity}/actions/{action}",
    "/{identity}/{pk}",
    "/{identity}/{pk}/edit",
    "/{identity}/{pk}/delete",
}


def sign_on(browser: httpx.AsyncClient, token: str) -> None:
    browser.headers["Authorization"] = f"Bearer {token}"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x.y.z", "Basic YTpi"])
async def test_pages_need_a_valid_token(browser: httpx.AsyncClient, authorization: str) -> None:
    browser.headers["Authorization"] = authorization
    page = await browser.get(NOTES)
    assert page.status_code == 401
    assert 'href="/admin/login"' in page.text
    assert "<nav" not in page.text
    document = await browser.get(NOTES, headers={"Sec-Fetch-Mode": "cors", "Accept": "application/json"})
    assert (document.status_code, document.json()["code"]) == (401, "unauthorized")


async def test_learners_cannot_open_any_page(browser: httpx.AsyncClient, token_for: TokenFor) -> None:
    sign_on(browser, token_for(uuid4(), "learner", csrf=CSRF))
    assert (await browser.get(NOTES)).status_code == 403


async def test_editors_cannot_open_the_pages_of_admins(
    browser: httpx.AsyncClient, token_for: TokenFor
) -> None:
    page = (await browser.get(NOTES)).text
    assert "Learners" not in page
    assert "Tags" in page
    ids = {**FORM, "ids": str(uuid4())}
    assert (await browser.get("/admin/content/learners")).status_code == 403
    assert (await browser.get(f"{NOTES}/{uuid4()}/delete")).status_code == 403
    assert (await browser.post(f"{NOTES}/{uuid4()}/delete", data=FORM)).status_code == 403
    assert (await browser.post(f"{NOTES}/actions/purge", data=ids)).status_code == 403
    sign_on(browser, token_for(uuid4(), "admin", csrf=CSRF))
    assert "Learners" in (await browser.get("/admin/content/learners")).text


async def test_a_form_of_our_page_is_accepted(write_note: Any, app: FastAPI) -> None:
    before = await count_notes(app)
    assert (await write_note()).status_code == 303
    assert await count_notes(app) == before + 1


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {"csrf_token": ""}),
        ({}, {"csrf_token": "guessed"}),
        ({}, {"csrf_token": "\u00e9"}),
        ({"Sec-Fetch-Site": "cross-site"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}),
        ({"Sec-Fetch-Site": "none"}, {}),
        ({"Sec-Fetch-Site": "", "Origin": "https://evil.example"}, {}),
        ({"Sec-Fetch-Site": "", "Origin": "null"}, {}),
        ({"Sec-Fetch-Site": ""}, {}),
        ({"Content-Type": "text/plain"}, {}),
        ({"Content-Type": "multipart/form-data; boundary=x"}, {}),
    ],
)
async def test_forms_of_other_pages_change_nothing(
    write_note: Any, app: FastAPI, headers: dict[str, str], fields: dict[str, str]
) -> None:
    before = await count_notes(app)
    refused = await write_note(headers=headers, **fields)
    assert refused.status_code == 403
    assert "You are not allowed to do this" in refused.text
    assert await count_notes(app) == before


async def test_a_token_without_a_csrf_value_cannot_send_forms(
    browser: httpx.AsyncClient, write_note: Any, token_for: TokenFor
) -> None:
    sign_on(browser, token_for(uuid4(), "admin"))
    assert (await browser.get(NOTES)).status_code == 200
    assert (await write_note(csrf_token="")).status_code == 403


async def test_a_user_downloads_one_export_at_a_time(
    browser: httpx.AsyncClient, token_for: TokenFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, may_end, list_rows = asyncio.Event(), asyncio.Event(), NoteView.list_rows

    async def list_slowly(view: NoteView, session: AsyncSession, query: ListQuery) -> Listing:
        if not started.is_set():
            started.set()
            await may_end.wait()
        return await list_rows(view, session, query)

    monkeypatch.setattr(NoteView, "list_rows", list_slowly)
    export = f"{NOTES}/export.csv"
    first = asyncio.create_task(browser.get(export))
    await started.wait()
    refused = await browser.get(export, headers={"Sec-Fetch-Mode": "cors", "Accept": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (429, "export_running")
    assert (await browser.get(NOTES)).status_code == 200
    another = {"Authorization": f"Bearer {token_for(uuid4(), 'editor', csrf=CSRF)}"}
    assert (await browser.get(export, headers=another)).status_code == 200
    may_end.set()
    assert (await first).status_code == 200
    assert (await browser.get(export)).status_code == 200


async def test_scripts_send_the_value_as_a_header(browser: httpx.AsyncClient) -> None:
    headers = {"X-CSRF-Token": CSRF, "Content-Type": "application/json", "Accept": "application/json"}
    headers["Sec-Fetch-Mode"] = "cors"
    refused = await browser.post(f"{NOTES}/create", content=b"{}", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_form")


@pytest.mark.parametrize("submission", ["", "x", "1" * 10_000])
async def test_a_form_without_its_id_is_refused(write_note: Any, app: FastAPI, submission: str) -> None:
    before = await count_notes(app)
    assert (await write_note(submission_id=submission)).status_code == 400
    assert await count_notes(app) == before


@pytest.mark.parametrize("address", ["create", f"{ABSENT}/edit", f"{ABSENT}/delete", "actions/mark"])
async def test_a_get_request_changes_nothing(browser: httpx.AsyncClient, app: FastAPI, address: str) -> None:
    before = await count_notes(app)
    page = await browser.get(f"{NOTES}/{address}", params=FORM | {"ids": str(uuid4())})
    assert page.status_code in {200, 403, 404, 405}
    assert await count_notes(app) == before


async def test_an_address_cannot_contain_an_arbitrary_message(browser: httpx.AsyncClient) -> None:
    page = (await browser.get(f"{NOTES}?done=Call+me&count=<b>")).text
    assert "data-message" not in page
    assert "Call me" not in page


@pytest.mark.parametrize("role", ["editor", "admin"])
async def test_the_panel_address_of_a_service_opens_a_page(
    browser: httpx.AsyncClient, token_for: TokenFor, role: Role
) -> None:
    sign_on(browser, token_for(uuid4(), role, csrf=CSRF))
    mount = await browser.get("/admin/content")
    assert (mount.status_code, mount.headers["location"]) == (303, "/admin/content/")
    # None of its own pages is in the navigation.
    assert (await browser.get("/admin/content/")).headers["location"] == "/admin/content/speeches"


async def test_pages_have_security_headers(browser: httpx.AsyncClient) -> None:
    for address in (NOTES, f"{NOTES}/create", f"{NOTES}/x", "/admin/content/status/500"):
        headers = (await browser.get(address)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert (policy["script-src"], policy["style-src"]) == ("'self'", "'self'")
        assert (policy["frame-ancestors"], policy["form-action"]) == ("'none'", "'self'")
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


async def test_files_are_cached_until_their_content_changes(browser: httpx.AsyncClient) -> None:
    page = (await browser.get(NOTES)).text
    [style] = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    del browser.headers["Authorization"]
    cached = await browser.get(style)
    assert (cached.status_code, cached.headers["cache-control"]) == (
        200,
        "public, max-age=31536000, immutable",
    )
    other = await browser.get(f"{style}x")
    assert other.headers["cache-control"] == "public, no-cache"
    for missing in ("none.css", "..%2fgate.py", "%2e%2e%2fgate.py", "%00", "x" * 300):
        assert (await browser.get(f"/admin/content/statics/{missing}")).status_code == 404


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        (413, "too large"),
        (429, "Too many requests"),
        (503, "Not available right now"),
        (500, "went wrong on our side"),
    ],
)
async def test_errors_are_rendered_as_pages(browser: httpx.AsyncClient, status: int, heading: str) -> None:
    page = await browser.get(f"/admin/content/status/{status}")
    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert heading in page.text
    assert page.headers["x-request-id"] in page.text
    assert "a secret detail" not in page.text


async def test_a_large_form_is_refused_with_a_page(write_note: Any) -> None:
    refused = await write_note(text="x" * 100_000)
    assert refused.status_code == 413
    assert "This is too large" in refused.text


async def test_the_limit_of_admin_requests_counts_pages_and_not_files(
    browser: httpx.AsyncClient, app: FastAPI, token_for: TokenFor
) -> None:
    app.state.rate_limits._enabled = True
    app.state.rate_limits._overrides = {"admin": 2}
    sign_on(browser, token_for(uuid4(), "editor", csrf=CSRF))
    for _ in range(5):
        assert (await browser.get("/admin/content/statics/panel.css")).status_code == 200
    statuses = [(await browser.get(NOTES)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_metrics_and_logs_name_routes_with_the_prefix_of_the_panel(browser: httpx.AsyncClient) -> None:
    with capture_logs() as entries:
        for address in (NOTES, f"{NOTES}/{ABSENT}", "/admin/content/statics/panel.css", f"{NOTES}/a/b/c"):
            await browser.get(address)
        await browser.get(NOTES, headers={"Authorization": ""})
    routes = ["/{identity}", "/{identity}/{pk}", "/statics", "", ""]
    logged_routes = [entry["route"] for entry in entries if entry["event"] == "request"]
    assert logged_routes == [f"/admin/content{route}" for route in routes]
    text_format = (await browser.get("/metrics")).text
    assert 'route="/admin/content/{identity}",status="200"' in text_format
    assert 'route="/{identity}"' not in text_format


async def test_no_route_of_sqladmin_itself_is_reachable(app: FastAPI) -> None:
    assert {route.path for route in _find_panel(app).admin.router.routes} == OUR_ROUTES


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("POST", "notes/import"),
        ("DELETE", "notes/delete?pks=1"),
        ("GET", "notes/export/csv"),
        ("GET", "notes/export/json"),
        ("GET", "notes/ajax/lookup?name=x&term=y"),
        ("GET", f"notes/{ABSENT}/action/download/"),
        ("POST", "login"),
        ("POST", "logout"),
    ],
)
async def test_features_of_sqladmin_that_we_do_not_use_are_disabled(
    browser: httpx.AsyncClient, app: FastAPI, method: str, address: str
) -> None:
    before = await count_notes(app)
    headers = {"X-CSRF-Token": CSRF}
    response = await browser.request(method, f"/admin/content/{address}", headers=headers)
    assert response.status_code in {404, 405}
    assert await count_notes(app) == before


async def test_sqladmin_itself_cannot_read_or_write_rows(app: FastAPI, browser: httpx.AsyncClient) -> None:
    view = next(view for view in _find_panel(app).views if isinstance(view, NoteView))
    with pytest.raises(UnboundExecutionError):
        await view._run_query(select(AuditEntry))
    async with view.session_maker() as session:
        session.add(AuditEntry(action="x", subject_id=uuid4()))
        with pytest.raises(UnboundExecutionError):
            await session.flush()


def _find_panel(app: FastAPI) -> Any:
    [pages] = {
        middleware.kwargs["panel"] for middleware in app.user_middleware if "panel" in middleware.kwargs
    }
    return pages


def test_a_view_allows_no_changes_unless_it_states_otherwise() -> None:
    flags = ("can_create", "can_edit", "can_delete", "can_export", "can_import")
    assert not any(getattr(ResourceView, flag) for flag in flags)
