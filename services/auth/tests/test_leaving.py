"""Passwords, leaving, and taking one's data along."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from auth.app import create_app
from auth.models import AuditEntry, Base, User
from auth.settings import ApiSettings
from contracts.auth import UserDeleted
from fastapi import FastAPI
from pydantic import HttpUrl
from shared.data.db import Database
from shared.testing import client_of, recorded
from sqlalchemy import func, select, text
from tests.mailbox import Mailbox

LOGIN, REFRESH, ME = "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/users/me"
OLD, NEW = "Correct4Horse", "Brandnew4Password"
PLAYED = {"daily_activity": [], "used_receipts": 0, "sessions": [{"id": "1"}]}


class Game(ThreadingHTTPServer):
    """The game service's side of an export."""

    def __init__(self) -> None:
        self.status, self.body, self.short = 200, json.dumps(PLAYED).encode(), 0
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> HttpUrl:
        return HttpUrl(f"http://127.0.0.1:{self.server_port}")


class _Handler(BaseHTTPRequestHandler):
    server: Game

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body) + self.server.short))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def game() -> Iterator[Game]:
    server = Game()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def app(settings: ApiSettings, database: Database, game: Game) -> FastAPI:
    app = create_app(settings.model_copy(update={"game_url": game.url}))
    app.state.database = database
    return app


async def log_in(client: httpx.AsyncClient, user: User, password: str = OLD) -> httpx.Response:
    return await client.post(LOGIN, json={"email": user.email, "password": password})


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def test_a_changed_password_ends_all_other_sign_ins(
    client: httpx.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    here, there = [(await log_in(client, user)).json() for _ in range(2)]
    change = {"current_password": "Correct4Horse", "new_password": NEW}
    answer = await client.put(f"{ME}/password", json=change, headers=bearer(here))
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(ME, headers=bearer(here))).status_code == 200
    assert (await client.get(ME, headers=bearer(there))).status_code == 401
    for tokens, status in ((here, 200), (there, 401)):
        presented = {"refresh_token": tokens["refresh_token"]}
        assert (await client.post(REFRESH, json=presented)).status_code == status
    assert (await log_in(client, user)).status_code == 401
    assert (await log_in(client, user, NEW)).status_code == 200
    assert [letter["Subject"] for letter in await mailbox.emails()] == ["Your password was changed"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"current_password": "Wrong4Horse", "new_password": NEW}, 401, "invalid_credentials"),
        ({"current_password": "Correct4Horse", "new_password": "weak"}, 422, "weak_password"),
        ({"current_password": "", "new_password": NEW}, 422, "validation_failed"),
    ],
)
async def test_a_password_is_not_changed_without_the_old_and_a_strong_new_one(
    mine: httpx.AsyncClient, user: User, change: dict[str, str], status: int, code: str
) -> None:
    answer = await mine.put(f"{ME}/password", json=change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "weak_password":
        assert {error["pointer"] for error in answer.json()["errors"]} == {"#/new_password"}
    assert (await log_in(mine, user)).status_code == 200


async def test_of_two_changes_at_once_one_counts(
    settings: ApiSettings, committing: Database, open_account: Any
) -> None:
    user = await open_account(committing)
    async with client_of(create_app(settings)) as client:
        tokens = (await log_in(client, user)).json()
        changes = [
            client.put(
                f"{ME}/password",
                json={"current_password": "Correct4Horse", "new_password": f"{NEW}{number}"},
                headers=bearer(tokens),
            )
            for number in range(2)
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*changes)]
    assert sorted(statuses) == [204, 401]


async def test_who_leaves_is_out_at_once_and_leaves_nothing_behind(
    client: httpx.AsyncClient, user: User, database: Database
) -> None:
    here, there = [(await log_in(client, user)).json() for _ in range(2)]
    await client.post("/api/v1/auth/password/forgot", json={"email": user.email})
    answer = await client.delete(ME, headers=bearer(here))
    assert (answer.status_code, answer.content) == (204, b"")
    for tokens in (here, there):
        assert (await client.get(ME, headers=bearer(tokens))).status_code == 401
        presented = {"refresh_token": tokens["refresh_token"]}
        assert (await client.post(REFRESH, json=presented)).status_code == 401
    assert (await log_in(client, user)).status_code == 401
    async with database.transaction() as session:
        (event,) = await recorded(session, UserDeleted)
        assert (event.subject, event.data.user_id) == (str(user.id), user.id)
        (entry,) = (await session.scalars(select(AuditEntry))).all()
        assert (entry.action, entry.subject_id, entry.actor_id) == ("account_deleted", user.id, user.id)
        for table in Base.metadata.sorted_tables:
            rows = (await session.execute(text(f'SELECT t::text FROM "{table.name}" t'))).scalars().all()  # noqa: S608 - our own names
            assert not [row for row in rows if user.email in row or user.name in row], table.name
    again = {"email": user.email, "password": NEW, "name": "Ada"}
    assert (await client.post("/api/v1/auth/register", json=again)).status_code == 201


async def test_leaving_twice_at_once_is_leaving_once(
    settings: ApiSettings, committing: Database, open_account: Any, access_for: Any
) -> None:
    user = await open_account(committing)
    token = await access_for(committing, user)
    async with client_of(create_app(settings), token=token) as client:
        answers = await asyncio.gather(*(client.delete(ME) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 401, 401, 401]
    async with committing.transaction() as session:
        assert len(await recorded(session, UserDeleted)) == 1
        assert await session.scalar(select(func.count()).select_from(AuditEntry)) == 1


async def test_an_export_holds_everything(mine: httpx.AsyncClient, user: User, game: Game) -> None:
    answer = await mine.get(f"{ME}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="parley-export.json"'
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert document["game"] == PLAYED
    account = document["account"]
    assert (account["profile"]["email"], account["profile"]["role"]) == (user.email, "learner")
    assert len(account["sign_ins"]) == 1
    assert "argon2" not in answer.text
    assert game.asked == [("/internal/users/me/export", mine.headers["authorization"])]


def test_an_export_leaves_out_no_table_of_a_user() -> None:
    """Whoever adds a table that points to users must decide what the export says of it."""
    of_users = {
        table.name
        for table in Base.metadata.sorted_tables
        if any(key.column.table.name == "users" for key in table.foreign_keys)
    }
    assert of_users == {"identities", "refresh_families", "one_time_tokens"}, "see AccountExport"


@pytest.mark.parametrize("fault", ["refuses", "breaks off", "is away"])
async def test_half_an_export_is_none(mine: httpx.AsyncClient, game: Game, fault: str) -> None:
    if fault == "refuses":
        game.status = 503
    elif fault == "breaks off":
        game.short = 10
    else:
        game.shutdown()
        game.server_close()
    answer = await mine.get(f"{ME}/export")
    assert (answer.status_code, answer.json()["code"]) == (503, "export_unavailable")
    assert answer.headers["retry-after"]
