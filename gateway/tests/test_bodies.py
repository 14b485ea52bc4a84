"""Bodies that are too large are rejected immediately with any framing, and clients can read the response."""

import asyncio
import socket
import time

import httpx
import pytest

from gateway.tests.envoy import Gateway
from gateway.tests.problems import read_problem
from gateway.tests.raw import GIGABYTE, read_response, send_a_gigabyte, split_into_chunks
from gateway.tests.stand_in import StandIn

MAX_BODY_BYTES = 1024 * 1024
MAX_RECORDING_BYTES = 32 * 1024 * 1024
LOGIN, SCORE = "/api/v1/auth/login", "/api/v1/speech/score"


@pytest.mark.parametrize(("address", "max_bytes"), [(LOGIN, MAX_BODY_BYTES), (SCORE, MAX_RECORDING_BYTES)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_the_largest_allowed_body_arrives_complete(
    address: str,
    max_bytes: int,
    chunked: bool,
    client: httpx.AsyncClient,
    bearer: dict[str, str],
) -> None:
    content = split_into_chunks(max_bytes) if chunked else b"x" * max_bytes
    response = await client.post(address, content=content, headers=bearer)
    assert response.json()["body_bytes"] == max_bytes


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("address", "max_bytes"), [(LOGIN, MAX_BODY_BYTES), (SCORE, MAX_RECORDING_BYTES)])
async def test_a_gigabyte_is_refused_within_a_second(
    address: str,
    max_bytes: int,
    chunked: bool,
    gateway: Gateway,
    bearer: dict[str, str],
    stand_ins: dict[str, StandIn],
) -> None:
    header = f"Authorization: {bearer['Authorization']}\r\n"
    outcome = await send_a_gigabyte(gateway, address, header, chunked=chunked)
    assert outcome.answer.status_code == 413
    assert read_problem(outcome.answer)["code"] == "payload_too_large"
    assert outcome.seconds < 1
    assert outcome.bytes_sent < max_bytes + 16 * MAX_BODY_BYTES
    forwarded = [
        request for service in stand_ins.values() for request in service.requests if request.target == address
    ]
    assert all(request.body_bytes <= max_bytes for request in forwarded)


@pytest.mark.timed
async def test_a_body_without_a_token_is_refused_within_a_second(gateway: Gateway) -> None:
    outcome = await send_a_gigabyte(gateway, SCORE, "", chunked=False)
    assert outcome.answer.status_code == 401
    assert outcome.seconds < 1


def _send_without_reading(gateway: Gateway) -> tuple[bytes, float]:
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.settimeout(5)
        started = time.perf_counter()
        try:
            connection.sendall(
                f"POST {LOGIN} HTTP/1.1\r\nHost: x\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode()
            )
            for _ in range(GIGABYTE // 65536):
                connection.sendall(b"x" * 65536)
        except ConnectionError:
            pass
        return connection.recv(65536), time.perf_counter() - started


@pytest.mark.timed
async def test_a_client_that_only_sends_is_rejected_and_can_still_read(gateway: Gateway) -> None:
    response, seconds = await asyncio.to_thread(_send_without_reading, gateway)
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"payload_too_large" in response
    assert seconds < 1


async def test_a_client_that_sends_first_reads_why_its_upload_is_refused(gateway: Gateway) -> None:
    def upload() -> httpx.Response:
        # It reads only after sending has failed.
        return httpx.post(f"{gateway.url}{SCORE}", files={"audio": bytes(9_000_000)}, timeout=20)

    for _ in range(3):
        response = await asyncio.to_thread(upload)
        assert response.status_code == 401
        assert read_problem(response)["code"] == "unauthorized"


@pytest.mark.parametrize(("address", "status"), [(LOGIN, 413), (SCORE, 401)])
async def test_a_client_that_expects_100_continue_is_refused_before_it_sends(
    address: str, status: int, gateway: Gateway
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = [
        f"POST {address} HTTP/1.1",
        "Host: x",
        "Expect: 100-continue",
        f"Content-Length: {GIGABYTE}",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    response = await read_response(reader)
    writer.close()
    assert response.status_code == status
