import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from auth.commands.accounts import lock_account
from auth.commands.revocations import RevokeAccess
from auth.models import AuditEntry, RefreshTokenFamily, User
from contracts.auth import UserDeleted, UserUpdated
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import OutboxJobs, TokenFor, api_client, outbox_events
from sqlalchemy import select

LEARNERS, AUDIT = "/admin/auth/learners", "/admin/auth/audit"
PAGE = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
CSRF = "the-value-of-the-session"


@pytest.fixture
async def panel(app: FastAPI, admin_user: User, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which `boss` is signed on, behind the gateway."""
    async with api_client(app, token=token_for(admin_user.id, "admin", csrf=CSRF)) as client:
        client.headers.update(PAGE)
        yield client


def hidden_fields(page: str, start: str = "<main") -> dict[str, str]:
    form = page[page.index(start) :]
    return dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form.partition("</form>")[0])
    )


async def act(panel: httpx.AsyncClient, user_id: UUID, action: str) -> httpx.Response:
    """Submit an action on the page of an account."""
    page = await panel.get(f"{LEARNERS}/{user_id}")
    address = f"{LEARNERS}/actions/{action}"
    return await panel.post(address, data=hidden_fields(page.text, f'action="{address}"'))


async def send(panel: httpx.AsyncClient, address: str, **fields: str) -> httpx.Response:
    page = await panel.get(address)
    assert page.status_code == 200, page.text
    return await panel.post(address, data={**hidden_fields(page.text), **fields})


async def list_actions(database: Database) -> list[tuple[str, UUID | None]]:
    async with database.transaction() as session:
        entries = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(entry.action, entry.actor_id) for entry in entries]


@pytest.mark.parametrize("search", ["grace.h", "GRACE.H", "Grace H", "grace hop"])
async def test_accounts_are_found_by_a_prefix_of_address_or_name(
    panel: httpx.AsyncClient, database: Database, open_account: Any, search: str
) -> None:
    await open_account(database, email="grace.h@example.com", name="Grace Hopper")
    other = await open_account(database, name="Ada")
    page = await panel.get(LEARNERS, params={"search": search})
    assert "grace.h@example.com" in page.text
    assert str(other.email) not in page.text


async def test_filters_narrow_the_list(
    panel: httpx.AsyncClient, database: Database, admin_user: User, user: User
) -> None:
    async with database.transaction() as session:
        await lock_account(session, user.id, actor=admin_user.id)
    for query, expected in (
        ("role=admin", [admin_user]),
        ("role=editor", []),
        ("state=locked", [user]),
        ("state=open&role=admin", [admin_user]),
    ):
        page = (await panel.get(f"{LEARNERS}?{query}")).text
        assert [account for account in (admin_user, user) if f'{LEARNERS}/{account.id}"' in page] == expected


async def test_the_page_of_an_account_shows_no_secrets(
    panel: httpx.AsyncClient, user: User, tokens: dict[str, Any]
) -> None:
    page = (await panel.get(f"{LEARNERS}/{user.id}")).text
    assert str(user.email) in page
    assert "App" in page
    for secret in ("argon2", str(user.password_hash), tokens["refresh_token"], tokens["access_token"]):
        assert secret not in page


async def test_changing_a_role_is_audited_and_published(
    panel: httpx.AsyncClient, admin_user: User, user: User, database: Database, outbox_jobs: OutboxJobs
) -> None:
    response = await send(panel, f"{LEARNERS}/{user.id}/edit", role="editor")
    assert (response.status_code, response.headers["location"]) == (303, f"{LEARNERS}/{user.id}?done=updated")
    assert await list_actions(database) == [("role_changed", admin_user.id)]
    async with database.transaction() as session:
        assert [event.data.user_id for event in await outbox_events(session, UserUpdated)] == [user.id]
        assert len(await outbox_jobs(session, RevokeAccess)) == 1


async def test_a_change_of_an_outdated_page_is_a_conflict(
    panel: httpx.AsyncClient, user: User, database: Database
) -> None:
    address = f"{LEARNERS}/{user.id}/edit"
    opened = await panel.get(address)
    await send(panel, address, role="editor")
    response = await panel.post(address, data={**hidden_fields(opened.text), "role": "admin"})
    assert response.status_code == 409
    assert "Editor" in response.text
    async with database.transaction() as session:
        assert await session.scalar(select(User.role).where(User.id == user.id)) == "editor"


async def test_the_panel_locks_unlocks_and_signs_out_an_account(
    panel: httpx.AsyncClient, admin_user: User, user: User, database: Database, tokens: dict[str, Any]
) -> None:
    response = await act(panel, user.id, "sign-out")
    assert response.headers["location"] == f"{LEARNERS}/{user.id}?count=1&done=signed_out"
    async with database.transaction() as session:
        families = await session.scalars(
            select(RefreshTokenFamily).where(RefreshTokenFamily.user_id == user.id)
        )
        assert all(family.revoked_at for family in families)
    await act(panel, user.id, "lock")
    assert "Locked" in (await panel.get(f"{LEARNERS}/{user.id}")).text
    await act(panel, user.id, "unlock")
    names = ["sessions_revoked", "account_locked", "account_unlocked"]
    assert await list_actions(database) == [(name, admin_user.id) for name in names]


async def test_several_accounts_can_be_locked_together(
    panel: httpx.AsyncClient, database: Database, open_account: Any
) -> None:
    users = [await open_account(database) for _ in range(3)]
    page = await panel.get(LEARNERS)
    fields: dict[str, Any] = hidden_fields(page.text, '<form id="chosen"') | {
        "ids": [str(account.id) for account in users]
    }
    response = await panel.post(f"{LEARNERS}/actions/lock", data=fields)
    assert response.headers["location"] == f"{LEARNERS}?count=3&done=locked"
    assert "Locked: 3." in (await panel.get(response.headers["location"])).text


async def test_an_account_is_deleted_after_a_confirmation(
    panel: httpx.AsyncClient, admin_user: User, user: User, database: Database
) -> None:
    response = await send(panel, f"{LEARNERS}/{user.id}/delete")
    assert (response.status_code, response.headers["location"]) == (303, f"{LEARNERS}?done=deleted")
    assert await list_actions(database) == [("account_deleted", admin_user.id)]
    async with database.transaction() as session:
        assert [event.data.user_id for event in await outbox_events(session, UserDeleted)] == [user.id]
    assert (await panel.get(f"{LEARNERS}/{user.id}")).status_code == 404


async def test_a_refused_action_shows_its_reason(panel: httpx.AsyncClient, admin_user: User) -> None:
    deleted = await send(panel, f"{LEARNERS}/{admin_user.id}/delete")
    assert (deleted.status_code, "your own account" in deleted.text) == (409, True)
    demoted = await send(panel, f"{LEARNERS}/{admin_user.id}/edit", role="learner")
    assert (demoted.status_code, "last admin" in demoted.text) == (409, True)
    locked = await act(panel, admin_user.id, "lock")
    assert (locked.status_code, "your own account" in locked.text) == (409, True)


async def test_the_page_of_a_deleted_account_explains_the_deletion(
    panel: httpx.AsyncClient, user: User, database: Database
) -> None:
    absent = str(uuid4())
    saved = await panel.post(
        f"{LEARNERS}/{absent}/edit",
        data={"csrf_token": CSRF, "submission_id": str(uuid4()), "version": "1", "role": "editor"},
    )
    assert (saved.status_code, "This account was deleted" in saved.text) == (404, True)
    assert ("create" in saved.text, f'href="{LEARNERS}"' in saved.text) == (False, True)
    fields = {"csrf_token": CSRF, "submission_id": str(uuid4()), "ids": [str(user.id), absent]}
    locked = await panel.post(f"{LEARNERS}/actions/lock", data=fields)
    assert locked.headers["location"] == f"{LEARNERS}?done=gone"
    assert await list_actions(database) == []


async def test_editors_can_open_neither_accounts_nor_the_audit_log(
    app: FastAPI, user: User, token_for: TokenFor
) -> None:
    async with api_client(app, token=token_for(uuid4(), "editor", csrf=CSRF)) as editor:
        editor.headers.update(PAGE)
        for address in (LEARNERS, f"{LEARNERS}/{user.id}", f"{LEARNERS}/{user.id}/edit", AUDIT):
            assert (await editor.get(address)).status_code == 403, address
        for address in (f"{LEARNERS}/actions/lock", f"{LEARNERS}/{user.id}/delete"):
            data = {"csrf_token": CSRF, "submission_id": str(uuid4()), "ids": str(user.id)}
            assert (await editor.post(address, data=data)).status_code == 403, address


async def test_a_change_from_another_site_is_refused(
    panel: httpx.AsyncClient, user: User, database: Database
) -> None:
    data = {"submission_id": str(uuid4()), "ids": str(user.id), "csrf_token": "guessed"}
    address = f"{LEARNERS}/actions/lock"
    assert (await panel.post(address, data=data)).status_code == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert (await panel.post(address, data=data | {"csrf_token": CSRF}, headers=cross)).status_code == 403
    assert (await panel.get(address)).status_code in {404, 405}
    assert await list_actions(database) == []


@pytest.mark.parametrize(
    "address",
    [
        f"{LEARNERS}?search={'x' * 10_000}",
        f"{LEARNERS}?search=%00",
        f"{LEARNERS}?role=owner",
        f"{LEARNERS}?page=99999999",
        f"{LEARNERS}?cursor=x",
        f"{LEARNERS}/x",
        f"{LEARNERS}/{UUID(int=1)}",
        f"{AUDIT}?actor_id=x",
        f"{AUDIT}?actor_id=stranger@example.com",
        f"{AUDIT}?from_date=yesterday",
        f"{AUDIT}?from_date=0001-01-01&to_date=9999-12-31",
        f"{AUDIT}/x",
    ],
)
async def test_invalid_urls_return_an_error_page(panel: httpx.AsyncClient, address: str) -> None:
    response = await panel.get(address)
    assert response.status_code < 500, response.text
    assert response.headers["content-type"].startswith("text/html")


async def test_html_in_a_name_is_escaped(
    panel: httpx.AsyncClient, database: Database, open_account: Any
) -> None:
    user = await open_account(database, name="<script>alert(1)</script>")
    for address in (LEARNERS, f"{LEARNERS}/{user.id}"):
        assert "<script>alert" not in (await panel.get(address)).text


async def test_the_audit_log_shows_people_and_changes(
    panel: httpx.AsyncClient, admin_user: User, user: User
) -> None:
    await send(panel, f"{LEARNERS}/{user.id}/edit", role="editor")
    await act(panel, user.id, "lock")
    page = (await panel.get(AUDIT)).text
    assert page.count(f'<a href="{LEARNERS}/{admin_user.id}">{admin_user.email}</a>') == 2
    assert f'<a href="{LEARNERS}/{user.id}">{user.email}</a>' in page
    assert "<del>learner</del> → <ins>editor</ins>" in page
    for query, is_found in (
        (f"actor_id={admin_user.email}", True),
        (f"actor_id={user.id}", False),
        (f"subject_id={user.id}&action=role_changed", True),
        ("action=account_deleted", False),
        ("from_date=2020-01-01&to_date=2020-12-31", False),
        ("from_date=2020-01-01", True),
    ):
        assert ("<del>learner</del>" in (await panel.get(f"{AUDIT}?{query}")).text) == is_found, query


async def test_an_audit_entry_has_a_read_only_page(
    panel: httpx.AsyncClient, user: User, database: Database
) -> None:
    await send(panel, f"{LEARNERS}/{user.id}/edit", role="editor")
    async with database.transaction() as session:
        entry_id = await session.scalar(select(AuditEntry.id))
    page = await panel.get(f"{AUDIT}/{entry_id}")
    assert (page.status_code, "Role changed" in page.text, "Before" in page.text) == (200, True, True)
    assert (await panel.post(f"{AUDIT}/{entry_id}/delete", data={"csrf_token": CSRF})).status_code == 404
