"""Conflicts between real transactions, through HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Body
from shared.data.db import Database, create_engine
from shared.http.app import create_api
from shared.http.dependencies import SessionDep, from_state
from shared.http.repeat import MAX_BUFFERED_BYTES
from shared.testing import api_client, create_scratch_database
from sqlalchemy import text

from tests.shared.http.demo import read_problem

router = APIRouter()
ADD = text("UPDATE counters SET value = value + 1 WHERE id = :id")
FAIL = "DO $$ BEGIN RAISE 'x' USING ERRCODE = '{}'; END $$"


class Meeting:
    """Two transactions, each of which locks a row that the other one needs."""

    def __init__(self) -> None:
        self.barrier = asyncio.Barrier(2)
        self.attempts = 0

    async def wait(self) -> None:
        self.attempts += 1
        if self.attempts <= 2:
            await self.barrier.wait()


MeetingDep = Annotated[Meeting, from_state("meeting")]


@router.post("/swap")
async def swap(session: SessionDep, meeting: MeetingDep, order: Annotated[list[int], Body()]) -> list[int]:
    await session.execute(ADD, {"id": order[0]})
    await meeting.wait()
    await session.execute(ADD, {"id": order[1]})
    return order


@router.post("/failing/{state}")
async def fail(session: SessionDep, meeting: MeetingDep, state: str, body: Annotated[str, Body()]) -> int:
    """Fail until the attempt that the body begins with."""
    await session.execute(ADD, {"id": 1})
    meeting.attempts += 1
    if meeting.attempts < int(body[:1]):
        await session.execute(text(FAIL.format(state)))
    return meeting.attempts


@pytest.fixture
def meeting() -> Meeting:
    return Meeting()


@pytest.fixture
async def database(worker_id: str) -> AsyncIterator[Database]:
    async with create_scratch_database(f"repeat_{worker_id}") as url:
        database = Database(create_engine(url, name="tests"))
        async with database.transaction() as session:
            await session.execute(text("CREATE TABLE counters (id int PRIMARY KEY, value int NOT NULL)"))
            await session.execute(text("INSERT INTO counters VALUES (1, 0), (2, 0)"))
        yield database
        await database.close()


@pytest.fixture
async def client(settings: Any, database: Database, meeting: Meeting) -> AsyncIterator[httpx.AsyncClient]:
    longer = settings.model_copy(update={"max_body_bytes": 2 * MAX_BUFFERED_BYTES})
    app = create_api(longer, router, title="Test")
    await app.state.database.close()
    app.state.database, app.state.meeting = database, meeting
    async with api_client(app) as client:
        yield client


async def list_values(database: Database) -> list[int]:
    rows = await database.fetch("SELECT value FROM counters ORDER BY id")
    return [row["value"] for row in rows]


async def test_a_deadlock_is_repeated_and_both_requests_succeed(
    client: httpx.AsyncClient, database: Database, meeting: Meeting
) -> None:
    responses = await asyncio.gather(*(client.post("/swap", json=order) for order in ([1, 2], [2, 1])))
    assert [(response.status_code, response.json()) for response in responses] == [
        (200, [1, 2]),
        (200, [2, 1]),
    ]
    assert meeting.attempts == 3
    assert await list_values(database) == [2, 2]


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
async def test_a_conflict_is_rolled_back_and_repeated(
    client: httpx.AsyncClient, database: Database, state: str
) -> None:
    response = await client.post(f"/failing/{state}", json="3 attempts")
    assert (response.status_code, response.json()) == (200, 3)
    assert await list_values(database) == [1, 0]


async def test_a_persistent_conflict_is_a_503(
    client: httpx.AsyncClient, database: Database, meeting: Meeting
) -> None:
    response = await client.post("/failing/40001", json="9 attempts")
    read_problem(response, status=503, code="database_unavailable")
    assert response.headers["retry-after"] == "1"
    assert meeting.attempts == 4
    assert await list_values(database) == [0, 0]


async def test_a_request_with_a_body_too_large_to_buffer_is_not_repeated(
    client: httpx.AsyncClient, meeting: Meeting
) -> None:
    response = await client.post("/failing/40001", json="3" + "x" * MAX_BUFFERED_BYTES)
    read_problem(response, status=503, code="database_unavailable")
    assert meeting.attempts == 1


async def test_programming_errors_return_500(client: httpx.AsyncClient, meeting: Meeting) -> None:
    response = await client.post("/failing/22012", json="3 attempts")
    assert (response.status_code, meeting.attempts) == (500, 1)
