import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, Request
from shared.http.admission import NO_LANES, Lane, Lanes, Overloaded, UserShares, WorkSlots
from shared.http.app import create_api
from shared.testing import api_client

from tests.shared.http.demo import read_problem, router

pytestmark = pytest.mark.timed

gate = APIRouter()
opened = asyncio.Event()


@gate.get("/gate")
async def wait_at_gate() -> str:
    await opened.wait()
    return "through"


@gate.post("/upload")
async def upload(request: Request) -> int:
    return len(await request.body())


@gate.post("/messages")
async def list_message_sizes(request: Request) -> list[int]:
    return [len(chunk) async for chunk in request.stream() if chunk]


@gate.get("/api/v1/admin/{user_id}/gate")
@gate.get("/admin/{user_id}/gate")
@gate.get("/users/{user_id}/gate")
async def wait_as_user(request: Request, user_id: UUID) -> str:
    await request.state.acquire_share(user_id)
    await opened.wait()
    return "through"


@pytest.fixture(autouse=True)
def closed_gate() -> Iterator[None]:
    opened.clear()
    yield
    opened.set()


@asynccontextmanager
async def open_narrow_client(
    settings: Any, lanes: Lanes = NO_LANES, /, **bounds: float
) -> AsyncIterator[httpx.AsyncClient]:
    narrow = {"max_requests_in_work": 1, "max_requests_waiting": 1, "max_request_wait_seconds": 5, **bounds}
    app = create_api(settings.model_copy(update=narrow), router, gate, title="Test", lanes=lanes)
    async with api_client(app) as client:
        yield client


async def test_a_service_refuses_requests_above_its_limits_immediately(settings: Any) -> None:
    async with open_narrow_client(settings) as client:
        accepted = [asyncio.create_task(client.get("/gate")) for _ in range(2)]
        await asyncio.sleep(0.05)
        refused = await asyncio.wait_for(client.get("/gate"), 1)
        read_problem(refused, status=503, code="overloaded")
        assert refused.headers["retry-after"] == "1"
        for path in ("/health", "/ready", "/metrics"):
            assert (await client.get(path)).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert "http_requests_in_work 1.0" in metrics
        assert "http_requests_waiting 1.0" in metrics
        opened.set()
        assert [response.status_code for response in await asyncio.gather(*accepted)] == [200, 200]
        assert (await client.get("/gate")).status_code == 200


async def test_a_request_that_waits_too_long_is_refused(settings: Any) -> None:
    async with open_narrow_client(settings, max_request_wait_seconds=0.05) as client:
        accepted = asyncio.create_task(client.get("/gate"))
        await asyncio.sleep(0.01)
        read_problem(await client.get("/gate"), status=503, code="overloaded")
        opened.set()
        assert (await accepted).status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
async def test_a_slow_upload_occupies_no_slot(settings: Any, content_type: str) -> None:
    async def yield_slowly() -> AsyncIterator[bytes]:
        yield b"x" * 10
        await opened.wait()
        yield b"y"

    async with open_narrow_client(settings) as client:
        headers = {"Content-Type": content_type}
        slow = asyncio.create_task(client.post("/upload", content=yield_slowly(), headers=headers))
        await asyncio.sleep(0.05)
        assert (await asyncio.wait_for(client.get("/trace"), 1)).status_code == 200
        opened.set()
        assert (await slow).json() == 11


async def test_a_slot_is_returned_after_a_failure(settings: Any) -> None:
    async with open_narrow_client(settings) as client:
        for _ in range(3):
            assert (await asyncio.wait_for(client.get("/broken"), 1)).status_code == 500


async def test_the_requests_of_one_user_leave_slots_for_others(settings: Any) -> None:
    bounds = {"max_requests_in_work": 3, "max_user_requests_in_work": 2, "max_request_wait_seconds": 0.3}
    async with open_narrow_client(settings, **bounds) as client:
        gate_path = f"/users/{uuid4()}/gate"
        first = [asyncio.create_task(client.get(gate_path)) for _ in range(2)]
        await asyncio.sleep(0.05)
        late = asyncio.create_task(client.get(gate_path))
        await asyncio.sleep(0.05)
        assert (await asyncio.wait_for(client.get("/trace"), 0.2)).status_code == 200
        read_problem(await late, status=503, code="overloaded")
        waiting = asyncio.create_task(client.get(gate_path))
        await asyncio.sleep(0.05)
        opened.set()
        for request in (*first, waiting):
            assert (await request).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert "http_requests_in_work 0.0" in metrics


@pytest.mark.parametrize("folder", ["/admin", "/api/v1/admin"])
async def test_the_admin_requests_of_one_user_have_a_separate_share(settings: Any, folder: str) -> None:
    bounds = {"max_requests_in_work": 4, "max_user_requests_in_work": 2, "max_request_wait_seconds": 0.3}
    async with open_narrow_client(settings, **bounds, max_user_admin_requests_in_work=1) as client:
        user_id = uuid4()
        searches = [asyncio.create_task(client.get(f"{folder}/{user_id}/gate")) for _ in range(2)]
        [refused], [search] = await asyncio.wait(searches, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        read_problem(await refused, status=503, code="overloaded")
        others = [asyncio.create_task(client.get(f"/users/{user_id}/gate")) for _ in range(2)]
        await asyncio.sleep(0.05)
        opened.set()
        assert [response.status_code for response in await asyncio.gather(search, *others)] == [200, 200, 200]


async def test_the_requests_of_a_lane_take_no_slots_from_others(settings: Any) -> None:
    slots = WorkSlots(max_in_work=1, max_waiting=0, max_wait_seconds=5)
    lane = Lane(slots, UserShares(max_in_work=1, max_wait_seconds=5), max_body_bytes=100_000)
    lanes = {"/gate": lane, "/upload": lane}
    async with open_narrow_client(settings, lanes, max_requests_waiting=0) as client:
        accepted = asyncio.create_task(client.get("/gate"))
        await asyncio.sleep(0.05)
        read_problem(await client.get("/gate"), status=503, code="overloaded")
        assert (await client.get("/trace")).status_code == 200
        opened.set()
        assert (await accepted).status_code == 200
        assert (await client.post("/upload", content=b"x" * 100_000)).json() == 100_000


async def test_a_share_without_waiting_refuses_immediately() -> None:
    shares, user_id = UserShares(max_in_work=1, max_wait_seconds=5, max_waiting=0), uuid4()
    await shares.acquire(user_id)
    with pytest.raises(Overloaded):
        await shares.acquire(user_id)
    shares.release(user_id)
    await shares.acquire(user_id)


async def test_a_cancelled_waiting_request_uses_no_share() -> None:
    shares, user_id = UserShares(max_in_work=1, max_wait_seconds=5), uuid4()
    await shares.acquire(user_id)
    waiting = asyncio.create_task(shares.acquire(user_id))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    shares.release(user_id)
    assert not shares.is_used_up(user_id)
    await asyncio.wait_for(shares.acquire(user_id), 0.1)


async def test_a_body_that_arrives_byte_by_byte_is_joined(settings: Any) -> None:
    async def yield_bytewise() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x"

    async with open_narrow_client(settings) as client:
        assert (await client.post("/messages", content=yield_bytewise())).json() == [300]
