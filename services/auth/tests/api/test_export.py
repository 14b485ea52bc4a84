import asyncio
import json
import socket
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import uvicorn
from auth.app import create_app
from auth.models import Base, User
from auth.settings import ApiSettings
from fastapi import FastAPI
from pydantic import HttpUrl
from shared.data.db import Database
from structlog.testing import capture_logs

ME = "/api/v1/users/me"
PLAYED = {"daily_activity": [], "used_receipts": 0, "sessions": [{"id": "1"}]}


class Game(ThreadingHTTPServer):
    """A game service that responds exports."""

    def __init__(self) -> None:
        self.status, self.body, self.short = 200, json.dumps(PLAYED).encode(), 0
        self.left = self.is_late = False
        self.pieces: list[bytes] = []
        self.gate = threading.Event()
        """The server waits for it after each piece."""
        self.gate.set()
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
        length = sum(map(len, self.server.pieces)) or len(self.server.body)
        self.send_header("Content-Length", str(length + self.server.short))
        self.end_headers()
        for chunk in self.server.pieces or [self.server.body]:
            self.wfile.write(chunk)
            self.wfile.flush()
            self.server.is_late |= not self.server.gate.wait(5)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.server.left = True
            self.close_connection = True

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


async def test_an_export_contains_the_account_and_its_game_data(
    user_client: httpx.AsyncClient, user: User, game: Game
) -> None:
    response = await user_client.get(f"{ME}/export")
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"] == 'attachment; filename="parley-export.json"'
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert document["game"] == PLAYED
    account = document["account"]
    assert (account["profile"]["email"], account["profile"]["role"]) == (user.email, "learner")
    assert len(account["sign_ins"]) == 1
    assert "argon2" not in response.text
    assert game.asked == [("/internal/users/me/export", user_client.headers["authorization"])]


def test_an_export_covers_every_table_that_refers_to_users() -> None:
    """For a new table that refers to users, decide whether the export contains it."""
    of_users = {
        table.name
        for table in Base.metadata.sorted_tables
        if any(key.column.table.name == "users" for key in table.foreign_keys)
    }
    assert of_users == {"identities", "refresh_families", "one_time_tokens"}, "see AccountExport"


@pytest.mark.parametrize("fault", ["refuses", "is away"])
async def test_an_export_is_unavailable_without_the_game_service(
    user_client: httpx.AsyncClient, game: Game, fault: str
) -> None:
    if fault == "refuses":
        game.status = 503
    else:
        game.shutdown()
        game.server_close()
    response = await user_client.get(f"{ME}/export")
    assert (response.status_code, response.json()["code"]) == (503, "export_unavailable")
    assert response.headers["retry-after"]


@pytest.mark.parametrize(("status", "code"), [(429, "too_many_requests"), (401, "unauthorized")])
async def test_an_export_forwards_a_rejection_by_the_game_service(
    user_client: httpx.AsyncClient, game: Game, status: int, code: str
) -> None:
    game.status = status
    response = await user_client.get(f"{ME}/export")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert ("retry-after" in response.headers) is (status == 429)


@asynccontextmanager
async def serve(app: FastAPI, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the app on a port, because httpx's in-process transport buffers responses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        async with app.router.lifespan_context(app):
            serving = asyncio.create_task(server.serve(sockets=[free]))
            url, headers = f"http://127.0.0.1:{free.getsockname()[1]}", {"Authorization": f"Bearer {token}"}
            while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
                await asyncio.sleep(0.01)
            async with httpx.AsyncClient(base_url=url, headers=headers) as client:
                yield client
            server.should_exit = True
            await serving


@pytest.fixture
async def networked(
    app: FastAPI, database: Database, user: User, access_for: Any
) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(app, await access_for(database, user)) as client:
        yield client


async def test_an_export_forwards_chunks_as_they_arrive(networked: httpx.AsyncClient, game: Game) -> None:
    game.pieces = [b'{"sessions":[', b"1", b"]}"]
    game.gate.clear()
    received = b""
    async with networked.stream("GET", f"{ME}/export") as response:
        async for chunk in response.aiter_bytes():
            received += chunk
            # Game sends its next piece only after this one has arrived.
            if b'"sessions":[' in received:
                game.gate.set()
    assert json.loads(received)["game"] == {"sessions": [1]}
    assert not game.is_late


async def test_a_truncated_export_ends_with_an_error(networked: httpx.AsyncClient, game: Game) -> None:
    game.short = 10
    with capture_logs() as logged, pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await networked.get(f"{ME}/export")
    events = {line["event"] for line in logged}
    assert "response_aborted" in events
    assert "unhandled_exception" not in events


async def test_an_export_is_not_buffered_for_a_slow_client(networked: httpx.AsyncClient, game: Game) -> None:
    game.pieces = [b'{"sessions":["', *[b"x" * 1_000_000] * 30, b'"]}']
    tracemalloc.start()
    try:
        async with networked.stream("GET", f"{ME}/export") as response:
            await asyncio.sleep(1)
            allocated_bytes, _ = tracemalloc.get_traced_memory()
            length = sum([len(chunk) async for chunk in response.aiter_raw()])
    finally:
        tracemalloc.stop()
    assert length > 30_000_000
    assert allocated_bytes < 5_000_000


async def test_a_client_that_disconnects_ends_the_request_to_the_game_service(
    networked: httpx.AsyncClient, game: Game
) -> None:
    game.pieces = [b'{"sessions":["', *[b"x" * 1_000_000] * 30, b'"]}']
    async with networked.stream("GET", f"{ME}/export") as response:
        await anext(response.aiter_raw())
    async with asyncio.timeout(5):
        while not game.left:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.05)
