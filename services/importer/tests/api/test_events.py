"""Streams of an import's progress, over real connections."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, sse
from importer.app import create_app
from importer.commands.imports import apply_action
from importer.models import ImportJob
from importer.settings import ApiSettings
from shared.data.db import Database
from shared.testing import TokenFor
from sqlalchemy import update

pytestmark = pytest.mark.timed

type AddImport = Callable[..., Awaitable[UUID]]

JOBS = "/api/v1/admin/import/jobs"


@asynccontextmanager
async def connect(app: FastAPI, token: str) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the application over TCP, and yield a client."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    headers = {"Authorization": f"Bearer {token}"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url=base, headers=headers) as client,
        ):
            serving = asyncio.create_task(server.serve([listener]))
            yield client
            server.should_exit = True
            await serving


@pytest.fixture
async def client(app: FastAPI, editor_id: UUID, token_for: TokenFor) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(app, token_for(editor_id, "editor")) as client:
        yield client


@pytest.fixture
async def job_id(committed_database: Database, add_import: AddImport) -> UUID:
    async with committed_database.transaction() as session:
        return await add_import(session, state="validating", version=5)


async def report_progress(database: Database, job_id: UUID, *, rows_checked: int) -> None:
    async with database.transaction() as session:
        values = {"rows_checked": rows_checked, "version": ImportJob.version + 1}
        await session.execute(update(ImportJob).where(ImportJob.id == job_id).values(values))


async def apply(database: Database, job_id: UUID, action: Any) -> None:
    async with database.transaction() as session:
        await apply_action(session, job_id, action)


class Events:
    """The events and comments of a stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def read_event(self) -> dict[str, str]:
        """Return the fields of the next event, or nothing at the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name or "comment"] = value.removeprefix(": ")
            elif "data" in fields or "comment" in fields or "retry" in fields:
                return fields
        return fields

    async def read_import(self) -> dict[str, Any]:
        while "data" not in (event := await self.read_event()):
            assert event, "the stream has ended"
        return {"event_id": event["id"], "event": event["event"], **json.loads(event["data"])}

    async def read_rest(self) -> list[dict[str, str]]:
        events = []
        while event := await self.read_event():
            events.append(event)
        return events


@asynccontextmanager
async def follow(client: httpx.AsyncClient, job_id: UUID, last_event_id: str = "") -> AsyncIterator[Events]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    async with (
        asyncio.timeout(20),
        client.stream("GET", f"{JOBS}/{job_id}/events", headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield Events(response)


async def test_progress_is_pushed_until_the_import_ends(
    client: httpx.AsyncClient, committed_database: Database, job_id: UUID
) -> None:
    async with follow(client, job_id) as events:
        first = await events.read_import()
        assert (first["event"], first["event_id"], first["version"], first["id"]) == (
            "progress",
            "5",
            5,
            str(job_id),
        )
        assert "errors" not in first
        await report_progress(committed_database, job_id, rows_checked=1000)
        started = time.monotonic()
        assert (await events.read_import())["rows_checked"] == 1000
        assert time.monotonic() - started < 2
        await apply(committed_database, job_id, "cancel")
        last = await events.read_import()
        assert (last["state"], last["event_id"]) == ("cancelled", "7")
        assert await events.read_rest() == []


async def test_a_client_that_reconnects_gets_missed_progress(
    client: httpx.AsyncClient, committed_database: Database, job_id: UUID
) -> None:
    async with follow(client, job_id) as events:
        last_event_id = (await events.read_import())["event_id"]
    await report_progress(committed_database, job_id, rows_checked=1000)
    async with follow(client, job_id, last_event_id) as events:
        assert (await events.read_import())["rows_checked"] == 1000


async def test_a_seen_version_is_not_sent_again(
    client: httpx.AsyncClient, committed_database: Database, job_id: UUID
) -> None:
    async with follow(client, job_id, "5") as events:
        assert await events.read_event() == {"retry": "2000"}
        await report_progress(committed_database, job_id, rows_checked=7)
        assert (await events.read_import())["version"] == 6


@pytest.mark.parametrize("garbage", ["x", "-5", "999999", "5; DROP TABLE", "9" * 90])
async def test_an_invalid_last_event_id_is_ignored(
    client: httpx.AsyncClient, job_id: UUID, garbage: str
) -> None:
    async with follow(client, job_id, garbage) as events:
        assert (await events.read_import())["version"] == 5


async def test_an_ended_import_is_sent_once(
    client: httpx.AsyncClient, committed_database: Database, job_id: UUID
) -> None:
    await apply(committed_database, job_id, "cancel")
    async with follow(client, job_id) as events:
        assert (await events.read_import())["state"] == "cancelled"
        assert await events.read_rest() == []
    response = await client.get(f"{JOBS}/{job_id}/events", headers={"Last-Event-ID": "6"})
    assert (response.status_code, response.content) == (204, b"")


async def test_an_idle_stream_sends_comments(
    client: httpx.AsyncClient, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.1)
    assert sse._PING_INTERVAL == 15
    async with follow(client, job_id, "5") as events:
        await events.read_event()
        assert await events.read_event() == {"comment": "ping"}


async def test_the_response_cannot_be_cached(client: httpx.AsyncClient, job_id: UUID) -> None:
    async with client.stream("GET", f"{JOBS}/{job_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-request-id"]


async def test_head_does_not_open_a_stream(client: httpx.AsyncClient, job_id: UUID) -> None:
    response = await client.head(f"{JOBS}/{job_id}/events", timeout=2)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_an_unknown_import_has_no_stream(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{JOBS}/{uuid4()}/events")
    assert (response.status_code, response.json()["code"]) == (404, "import_not_found")


async def test_the_stream_ends_when_the_token_expires(
    client: httpx.AsyncClient, job_id: UUID, editor_id: UUID, token_for: TokenFor
) -> None:
    expiry = int(time.time()) + 2
    client.headers["Authorization"] = f"Bearer {token_for(editor_id, 'editor', exp=expiry)}"
    async with follow(client, job_id) as events:
        await events.read_import()
        assert await events.read_rest() == []
    assert expiry - 1 <= time.time() < expiry + 4


async def test_the_stream_ends_when_the_process_stops(
    app: FastAPI, client: httpx.AsyncClient, job_id: UUID
) -> None:
    async with follow(client, job_id) as events:
        await events.read_import()
        app.state.stopping = True
        started = time.monotonic()
        assert await events.read_rest() == []
        assert time.monotonic() - started < 3


async def test_streams_are_limited_and_their_slots_are_released(
    settings: ApiSettings, committed_database: Database, job_id: UUID, token_for: TokenFor, editor_id: UUID
) -> None:
    app = create_app(settings.model_copy(update={"max_user_streams": 2, "max_streams": 3}))
    other = {"Authorization": f"Bearer {token_for(uuid4(), 'admin')}"}
    path = f"{JOBS}/{job_id}/events"
    async with connect(app, token_for(editor_id, "editor")) as client:
        async with follow(client, job_id), follow(client, job_id):
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
            async with client.stream("GET", path, headers=other):
                refused = await client.get(path, headers=other)
                assert (refused.status_code, refused.json()["code"]) == (503, "streams_full")
        async with asyncio.timeout(5):
            while app.state.stream_slots._open:  # noqa: ASYNC110 - the server notices that the clients are gone
                await asyncio.sleep(0.01)


async def test_an_open_stream_takes_no_database_connection_and_no_request_slot(
    settings: ApiSettings, committed_database: Database, job_id: UUID, token_for: TokenFor, editor_id: UUID
) -> None:
    small = {"database_pool_size": 1, "max_requests_in_work": 1, "max_user_requests_in_work": 1}
    app = create_app(settings.model_copy(update=small))
    async with (
        connect(app, token_for(editor_id, "editor")) as client,
        follow(client, job_id) as first,
        follow(client, job_id) as second,
    ):
        await first.read_import()
        await second.read_import()
        assert (await client.get(f"{JOBS}/{job_id}")).status_code == 200
