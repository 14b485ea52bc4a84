import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from shared.http.app import create_api
from shared.testing import TokenFor, api_client
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from tests.shared.http.demo import read_problem, router


async def test_an_unexpected_exception_reveals_nothing(client: httpx.AsyncClient) -> None:
    response = await client.get("/broken")
    read_problem(response, status=500, code="internal_error")
    assert "secret" not in response.text


async def test_a_body_over_the_limit_is_refused_by_its_length(client: httpx.AsyncClient) -> None:
    response = await client.post("/raw", content=b"x" * 65_537)
    read_problem(response, status=413, code="payload_too_large")


async def test_a_body_without_a_length_is_refused_when_it_grows(client: httpx.AsyncClient) -> None:
    sent = 0

    async def yield_endlessly() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 65_536
            yield b"x" * 65_536

    read_problem(await client.post("/raw", content=yield_endlessly()), status=413, code="payload_too_large")
    assert sent < 2_000_000


async def test_a_body_is_counted_regardless_of_its_content_length(client: httpx.AsyncClient) -> None:
    headers = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    response = await client.post("/raw", content=yield_pieces(17), headers=headers)
    read_problem(response, status=413, code="payload_too_large")


async def test_a_body_at_the_limit_is_accepted(client: httpx.AsyncClient) -> None:
    for body in (b"x" * 65_536, yield_pieces(16)):
        assert (await client.post("/raw", content=body)).json() == 65_536


async def test_a_form_has_a_separate_limit(settings: Any) -> None:
    app = create_api(settings.model_copy(update={"max_form_bytes": 100_000}), router, title="Test")
    async with api_client(app) as client:
        for size, kind, status in (
            (100_000, "multipart/form-data; boundary=x", 200),
            (100_001, "multipart/form-data; boundary=x", 413),
            (100_000, "application/octet-stream", 413),
        ):
            response = await client.post("/raw", content=b"x" * size, headers={"Content-Type": kind})
            assert response.status_code == status


async def yield_pieces(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"x" * 4096


async def test_only_a_well_formed_request_id_is_adopted(client: httpx.AsyncClient) -> None:
    response = await client.get("/mine", headers={"X-Request-Id": "client-1234"})
    assert response.headers["x-request-id"] == "client-1234"
    for invalid_id in ("a\tb", "client-1234\tand more", "x" * 65, "short"):
        replaced = await client.get("/mine", headers={"X-Request-Id": invalid_id})
        assert len(replaced.headers["x-request-id"]) == 32
        assert replaced.headers["x-request-id"] != invalid_id


async def test_only_a_valid_traceparent_is_adopted(client: httpx.AsyncClient) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    assert (await client.get("/trace", headers={"traceparent": trace})).json() == trace
    for none in ("x", f"{trace}x", f"ff{trace[2:]}"):
        new_trace = (await client.get("/trace", headers={"traceparent": none})).json()
        assert (len(new_trace), new_trace == none) == (len(trace), False)


async def test_metrics_count_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/paged?limit=3")
    text_format = (await client.get("/metrics")).text
    assert 'route="/paged",status="200"' in text_format
    assert "limit=3" not in text_format
    # Unknown paths add no metrics.
    await client.get("/made-up")
    text_format = (await client.get("/metrics")).text
    assert 'route="unmatched",status="404"' in text_format
    assert "/made-up" not in text_format


async def test_the_access_log_has_no_query_and_no_token(
    client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    token = token_for(uuid7())
    with capture_logs() as entries:
        await client.get("/mine?secret=1", headers={"Authorization": f"Bearer {token}"})
    logged = json.dumps(entries)
    assert '"route": "/mine"' in logged
    assert "secret" not in logged
    assert token not in logged


async def test_probes_are_not_in_the_access_log(client: httpx.AsyncClient) -> None:
    with capture_logs() as entries:
        for path in ("/health", "/ready", "/metrics"):
            await client.get(path)
    assert [entry for entry in entries if entry["event"] == "request"] == []
