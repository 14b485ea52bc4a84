"""Only editors may send large or slow uploads, and progress events are forwarded immediately."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from shared.testing import TokenFor

from gateway.tests.envoy import Gateway, run_gateway
from gateway.tests.problems import read_problem
from gateway.tests.raw import read_response, send_a_gigabyte, split_into_chunks, trickle
from gateway.tests.stand_in import StandIn

RECORDINGS, TABLE = "/api/v1/admin/import/audio", "/api/v1/admin/import/csv"
UPLOADS = pytest.mark.parametrize("address", [RECORDINGS, TABLE])
EVENTS = "/api/v1/admin/import/jobs/01a/events"
MEBIBYTE = 1024 * 1024
MAX_BYTES = {RECORDINGS: 11 * 1024 * MEBIBYTE, TABLE: 288 * MEBIBYTE}

# Requests other than uploads and streams end after half a second, and none may pause for that long.
SHORT_TIMEOUTS = {
    "max_stream_duration: 120s": "max_stream_duration: 0.5s",
    "stream_idle_timeout: 30s": "stream_idle_timeout: 0.5s",
}
MAX_UPLOAD_SECONDS = "1860s"
SLOTS = "max_requests: 256"


@pytest.fixture(scope="module")
async def impatient_gateway(stand_ins: dict[str, StandIn]) -> AsyncIterator[Gateway]:
    async with run_gateway(stand_ins, changes=SHORT_TIMEOUTS) as running:
        yield running


def _build_head(address: str, headers: dict[str, str], size: int) -> bytes:
    lines = [f"POST {address} HTTP/1.1", "Host: x", f"Content-Length: {size}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@UPLOADS
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_learners_upload_is_refused_before_any_of_it_is_forwarded(
    address: str, chunked: bool, gateway: Gateway, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    before = len(stand_ins["importer"].requests)
    header = f"Authorization: {bearer['Authorization']}\r\n"
    outcome = await send_a_gigabyte(gateway, address, header, chunked=chunked)
    assert outcome.answer.status_code == 403
    problem = read_problem(outcome.answer)
    assert (problem["code"], problem["detail"]) == ("forbidden", "Your account is not allowed to do this.")
    assert outcome.seconds < 1
    assert outcome.bytes_sent < 16 * MEBIBYTE
    assert len(stand_ins["importer"].requests) == before


@UPLOADS
async def test_an_upload_without_a_token_is_refused_immediately(
    address: str, gateway: Gateway, stand_ins: dict[str, StandIn]
) -> None:
    before = len(stand_ins["importer"].requests)
    outcome = await send_a_gigabyte(gateway, address, "", chunked=False)
    assert read_problem(outcome.answer)["code"] == "unauthorized"
    assert outcome.seconds < 1
    assert len(stand_ins["importer"].requests) == before


@UPLOADS
@pytest.mark.parametrize(
    "role", ["Editor", "editors", "admin ", "admin,editor", "", None, ["editor"], {"a": 1}]
)
async def test_only_editors_and_admins_may_upload(
    address: str, role: object, client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    token = token_for(uuid4(), **{"role": role})
    response = await client.post(address, content=b"x", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, read_problem(response)["code"]) == (401, "unauthorized")


@UPLOADS
@pytest.mark.parametrize("role", ["editor", "admin"])
async def test_an_upload_may_be_larger_than_a_recording(
    address: str, role: str, client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    headers = {"Authorization": f"Bearer {token_for(uuid4(), role=role)}"}
    response = await client.post(address, content=split_into_chunks(40 * MEBIBYTE), headers=headers)
    assert response.json()["body_bytes"] == 40 * MEBIBYTE


@UPLOADS
async def test_an_upload_has_a_maximum_size(
    address: str, gateway: Gateway, editor: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    before = len(stand_ins["importer"].requests)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(_build_head(address, editor, MAX_BYTES[address] + 1))
    assert read_problem(await read_response(reader))["code"] == "payload_too_large"
    writer.close()
    assert len(stand_ins["importer"].requests) == before


@UPLOADS
async def test_an_upload_may_take_longer_than_other_requests(
    address: str, impatient_gateway: Gateway, editor: dict[str, str]
) -> None:
    response, seconds = await trickle(impatient_gateway, _build_head(address, editor, 15), b"x")
    assert response.json()["body_bytes"] == 15
    assert seconds > 1


@pytest.mark.timed
@UPLOADS
@pytest.mark.parametrize("chunk", [b"x", b""], ids=["slow", "stalled"])
async def test_an_upload_has_a_time_limit(
    address: str, chunk: bytes, stand_ins: dict[str, StandIn], editor: dict[str, str]
) -> None:
    async with run_gateway(stand_ins, changes={MAX_UPLOAD_SECONDS: "1.2s"}) as gateway:
        response, seconds = await trickle(gateway, _build_head(address, editor, 1000), chunk)
    assert read_problem(response)["code"] == "request_timeout"
    assert seconds < 3


async def test_a_service_may_pause_while_it_reads_or_processes_an_upload(
    impatient_gateway: Gateway, editor: dict[str, str]
) -> None:
    """The pause is longer than other requests may wait for a response."""
    async with httpx.AsyncClient(base_url=impatient_gateway.url, headers=editor, timeout=20) as client:
        before = await client.post(f"{RECORDINGS}?deaf=2", content=split_into_chunks(20 * MEBIBYTE))
        after = await client.post(f"{RECORDINGS}?delay=2", content=b"x")
    assert before.json()["body_bytes"] == 20 * MEBIBYTE
    assert after.status_code == 200


async def test_many_uploads_to_a_slow_service_take_little_memory(
    gateway: Gateway, editor: dict[str, str]
) -> None:
    before = await _measure_memory(gateway)
    writers = [await _open_upload(gateway, editor) for _ in range(60)]
    for writer in writers:
        # Written without waiting, so that more is ready to be sent than the service reads.
        writer.write(b"x" * 8 * MEBIBYTE)
    await asyncio.sleep(1)
    growth = await _measure_memory(gateway) - before
    for writer in writers:
        writer.transport.abort()
    assert growth < len(writers) * MEBIBYTE / 2


async def _open_upload(gateway: Gateway, headers: dict[str, str]) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(_build_head(f"{RECORDINGS}?deaf=5", headers, 8 * MEBIBYTE))
    return writer


async def _measure_memory(gateway: Gateway) -> float:
    async with httpx.AsyncClient() as client:
        stats = await client.get(f"http://127.0.0.1:{gateway.metrics_port}/stats/prometheus")
    return next(
        float(line.split()[1])
        for line in stats.text.splitlines()
        if line.startswith("envoy_server_memory_allocated{")
    )


async def test_uploads_leave_other_calls_their_connections(
    stand_ins: dict[str, StandIn], editor: dict[str, str]
) -> None:
    async with (
        run_gateway(stand_ins, changes={SLOTS: "max_requests: 2"}) as gateway,
        httpx.AsyncClient(base_url=gateway.url, headers=editor) as client,
    ):
        writers = [await _open_upload(gateway, editor) for _ in range(2)]
        await asyncio.sleep(0.3)
        refused = await client.post(RECORDINGS, content=b"x")
        other_responses = await client.get("/api/v1/admin/import/jobs")
        for writer in writers:
            writer.transport.abort()
    assert read_problem(refused)["code"] == "unavailable"
    assert other_responses.status_code == 200


async def test_progress_events_are_forwarded_immediately_and_unchanged(
    impatient_gateway: Gateway, editor: dict[str, str]
) -> None:
    """The stream also outlives the time limit of other requests."""
    headers = editor | {"Accept-Encoding": "gzip, br", "Accept": "text/event-stream"}
    address = f"{EVENTS}?type=text/event-stream&size=5000&pause=1"
    clock = asyncio.get_running_loop()
    async with (
        httpx.AsyncClient(base_url=impatient_gateway.url, headers=headers) as client,
        client.stream("GET", address) as response,
    ):
        started = clock.time()
        arrivals = [(clock.time() - started, len(chunk)) async for chunk in response.aiter_raw()]
    assert response.headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in response.headers
    assert arrivals[0][0] < 0.5
    assert arrivals[-1][0] > 0.8
    assert sum(size for _, size in arrivals) > 5000


async def test_a_client_that_reconnects_sends_the_id_of_its_last_event(
    client: httpx.AsyncClient, editor: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    await client.get(EVENTS, headers=editor | {"Last-Event-ID": "7"})
    assert stand_ins["importer"].requests[-1].list_values("last-event-id") == ["7"]
