import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from shared.http.admission import Lane, UserShares, WorkSlots
from shared.http.app import create_api
from shared.testing import api_client

from tests.shared.http.demo import read_problem

pytestmark = pytest.mark.timed

routes = APIRouter()
may_end = asyncio.Event()


@routes.post("/upload")
async def upload(request: Request) -> int:
    return len(await request.body())


@routes.get("/read")
async def read() -> str:
    return "read"


@pytest.fixture(autouse=True)
def held_back() -> Iterator[None]:
    may_end.clear()
    yield
    may_end.set()


@pytest.fixture
async def app(settings: Any) -> AsyncIterator[FastAPI]:
    app = create_api(settings.model_copy(update={"max_address_requests_arriving": 2}), routes, title="Test")
    async with api_client(app):
        yield app


@asynccontextmanager
async def client_at(app: FastAPI, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def slowly() -> AsyncIterator[bytes]:
    yield b"x" * 10
    await may_end.wait()
    yield b"y"


async def start_slow_uploads(client: httpx.AsyncClient, content_type: str) -> list[asyncio.Task[Any]]:
    headers = {"Content-Type": content_type}
    slow = [asyncio.create_task(client.post("/upload", content=slowly(), headers=headers)) for _ in range(2)]
    await asyncio.sleep(0.05)
    return slow


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
async def test_an_address_has_a_share_of_the_bodies_that_arrive(app: FastAPI, content_type: str) -> None:
    async with client_at(app, "2001:db8:1:2::1") as slow, client_at(app, "2001:db8:1:3::1") as other:
        arriving = await start_slow_uploads(slow, content_type)
        async with client_at(app, "2001:db8:1:2::2") as neighbour:
            refused = await asyncio.wait_for(neighbour.post("/upload", content=b"x"), 1)
        read_problem(refused, status=429, code="too_many_requests")
        assert refused.headers["retry-after"] == "1"
        assert (await asyncio.wait_for(other.post("/upload", content=b"x"), 1)).json() == 1
        assert (await asyncio.wait_for(slow.get("/read"), 1)).status_code == 200
        may_end.set()
        assert [response.json() for response in await asyncio.gather(*arriving)] == [11, 11]
        assert (await slow.post("/upload", content=b"x")).json() == 1


async def test_a_client_that_disconnects_releases_its_share(app: FastAPI) -> None:
    async with client_at(app, "203.0.113.7") as client:
        for upload in (arriving := await start_slow_uploads(client, "application/json")):
            upload.cancel()
        await asyncio.wait(arriving)
        assert (await client.post("/upload", content=b"x")).json() == 1


async def test_a_body_that_may_be_larger_counts_as_several(settings: Any) -> None:
    slots = WorkSlots(max_in_work=9, max_waiting=9, max_wait_seconds=5)
    lane = Lane(
        slots, UserShares(max_in_work=9, max_wait_seconds=5), max_body_bytes=2 * settings.max_body_bytes
    )
    narrow = settings.model_copy(update={"max_address_requests_arriving": 2})
    app = create_api(narrow, routes, title="Test", lanes={"/upload": lane})
    async with api_client(app), client_at(app, "203.0.113.7") as client:
        slow = asyncio.create_task(client.post("/upload", content=slowly()))
        await asyncio.sleep(0.05)
        refused = await client.post("/upload", content=b"x")
        read_problem(refused, status=429, code="too_many_requests")
        may_end.set()
        assert (await slow).json() == 11
        assert (await client.post("/upload", content=b"x")).json() == 1
