"""The gateway's own errors are problem documents; the services' errors pass unchanged."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from shared.http.problems import MethodNotAllowed
from shared.security.jwt import KeysUnavailable

from gateway.render import render
from gateway.tests.envoy import Gateway
from gateway.tests.problems import read_problem
from gateway.tests.raw import send_raw
from gateway.tests.stand_in import StandIn
from shared import errors

UNREADABLE = {
    "no request line": ["hello"],
    "a header without a colon": ["GET /health HTTP/1.1", "Host: x", "broken"],
    "a header with a space in its name": ["GET /health HTTP/1.1", "Host: x", "bro ken: x"],
    "a header with a zero byte": ["GET /health HTTP/1.1", "Host: x", "broken: a\0b"],
    "no host": ["GET /health HTTP/1.1"],
    "two lengths": ["POST /api/v1/auth/login HTTP/1.1", "Host: x", "Content-Length: 1", "Content-Length: 2"],
    "a negative length": ["POST /api/v1/auth/login HTTP/1.1", "Host: x", "Content-Length: -1"],
    "a length and chunks": [
        "POST /api/v1/auth/login HTTP/1.1",
        "Host: x",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
    ],
    "an unknown transfer coding": ["POST /api/v1/auth/login HTTP/1.1", "Host: x", "Transfer-Encoding: gzip"],
    "an unknown method": ["PWN /health HTTP/1.1", "Host: x"],
    "an escaped slash": ["GET /health%2f HTTP/1.1", "Host: x"],
}


@pytest.mark.parametrize("lines", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_unreadable_request_is_a_bad_request(lines: list[str], gateway: Gateway) -> None:
    response = await send_raw(gateway, *lines)
    assert read_problem(response)["code"] == "bad_request"


async def test_a_bad_chunk_is_a_bad_request(gateway: Gateway) -> None:
    head = ["POST /api/v1/auth/login HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"]
    response = await send_raw(gateway, *head, body=b"zz\r\nhello\r\n")
    assert read_problem(response)["code"] == "bad_request"


async def test_an_old_protocol_must_be_upgraded(gateway: Gateway) -> None:
    assert read_problem(await send_raw(gateway, "GET /health HTTP/1.0"))["code"] == "upgrade_required"


@pytest.mark.parametrize("header_part", ["address", "header", "many headers"])
async def test_headers_that_are_too_large_are_refused(header_part: str, gateway: Gateway) -> None:
    address = "/api/v1/tags?" + "x" * (40_000 if header_part == "address" else 1)
    headers = {"header": ["big: " + "x" * 40_000], "many headers": [f"h{n}: x" for n in range(200)]}
    response = await send_raw(gateway, f"GET {address} HTTP/1.1", "Host: x", *headers.get(header_part, []))
    assert read_problem(response)["code"] == "headers_too_large"


async def test_an_error_of_a_service_passes_unchanged(
    client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    for status in (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 502, 503, 504):
        response = await client.get("/api/v1/game/stats", params={"status": status}, headers=bearer)
        assert response.status_code == status
        assert response.json()["service"] == "game"
        assert "www-authenticate" not in response.headers
        assert "retry-after" not in response.headers


async def test_requests_to_a_service_that_is_down_return_unavailable(
    client: httpx.AsyncClient, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    await stand_ins["game"].stop()
    try:
        response = await client.get("/api/v1/game/stats", headers=bearer)
        assert (await client.get("/api/v1/users/me", headers=bearer)).status_code == 200
    finally:
        await stand_ins["game"].start()
    assert response.status_code == 503
    assert read_problem(response)["code"] == "unavailable"
    assert response.headers["retry-after"] == "5"


def _list_documents() -> list[dict[str, Any]]:
    config = yaml.safe_load(render({}))
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    mappers = manager["local_reply_config"]["mappers"]
    bodies = [one.get("body_format_override", {}) for one in mappers]
    return [body["json_format"] for body in bodies if "json_format" in body]


def test_codes_and_titles_are_those_of_the_services() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    service_codes = {
        kind.code: (kind.status, kind.title)
        for kind in [*kinds, MethodNotAllowed, KeysUnavailable]
        if issubclass(kind, errors.ParleyError)
    }
    documents = {
        document["code"]: (document["status"], document["title"]) for document in _list_documents()[:-2]
    }
    gateway_codes = {"request_timeout", "upgrade_required", "headers_too_large"}
    assert documents.keys() - service_codes.keys() == gateway_codes
    assert {code: service_codes[code] for code in documents.keys() - gateway_codes} == {
        code: document for code, document in documents.items() if code not in gateway_codes
    }


def test_every_other_error_has_a_problem_document_too() -> None:
    assert [document["status"] for document in _list_documents()[-2:]] == [
        "%RESPONSE_CODE%",
        "%RESPONSE_CODE%",
    ]


def test_the_readme_lists_every_code() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    documented = set(re.findall(r"`([a-z_]+)`", readme))
    assert {document["code"] for document in _list_documents()} <= documented
