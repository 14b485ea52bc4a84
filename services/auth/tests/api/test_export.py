import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from auth.app import create_app
from auth.models import Base, User
from auth.settings import ApiSettings
from fastapi import FastAPI
from pydantic import HttpUrl
from shared.data.db import Database

ME = "/api/v1/users/me"
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
    """A new table that refers to users needs a decision on what the export says of it."""
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
