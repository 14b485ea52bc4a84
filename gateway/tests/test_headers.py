"""Headers: from clients, to services, and back."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from gateway.tests.envoy import Gateway
from gateway.tests.raw import send_raw
from gateway.tests.stand_in import StandIn

ORIGIN = "https://app.example.com"


@pytest.mark.parametrize(
    "request_id", ["abcdefgh", "A1._-z9Q", "x" * 64, "0b2cd8a6-8f1c-4f53-9c8e-a6f5a0a1d2e3"]
)
async def test_a_well_formed_request_id_is_preserved(
    request_id: str, client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    response = await client.get("/api/v1/tags", headers={"X-Request-Id": request_id})
    assert response.headers.get_list("x-request-id") == [request_id]
    assert stand_ins["content"].requests[-1].list_values("x-request-id") == [request_id]


@pytest.mark.parametrize(
    "request_id", [None, "", "short", "x" * 65, "with space", 'quo"tes"', "semi;colon", "a\tb" * 4]
)
async def test_another_request_id_is_replaced(
    request_id: str | None, client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    response = await client.get(
        "/api/v1/tags", headers={} if request_id is None else {"X-Request-Id": request_id}
    )
    replaced = response.headers["x-request-id"]
    assert replaced != request_id
    assert len(replaced) == 36
    assert stand_ins["content"].requests[-1].list_values("x-request-id") == [replaced]


async def test_two_request_ids_are_replaced_by_one(
    client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    headers = [("X-Request-Id", "first-one"), ("X-Request-Id", "second-one")]
    response = await client.get("/api/v1/tags", headers=headers)
    assert stand_ins["content"].requests[-1].list_values("x-request-id") == [response.headers["x-request-id"]]
    assert "one" not in response.headers["x-request-id"]


async def test_services_receive_the_real_address_and_no_forged_headers(
    client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    forged_headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Client-Cert": "By=evil",
        "Forwarded": "for=203.0.113.9",
        "X-Real-Ip": "203.0.113.9",
        "X-Original-Url": "/metrics",
        "X-Rewrite-Url": "/metrics",
        "X-Envoy-Original-Path": "/metrics",
        "X-Envoy-Internal": "true",
        "X-Envoy-Retry-On": "5xx",
        "X-Envoy-Max-Retries": "50",
        "X-Envoy-Upstream-Rq-Timeout-Ms": "600000",
        "X-Envoy-Decorator-Operation": "evil",
        "X_Forwarded_For": "203.0.113.9",
    }
    await client.get("/api/v1/tags", headers=forged_headers)
    sent = {
        name: value
        for name, value in stand_ins["content"].requests[-1].headers
        if name.startswith(("x-", "x_", "f"))
    }
    assert sent.keys() == {"x-forwarded-for", "x-forwarded-proto", "x-request-id"}
    assert sent["x-forwarded-for"] == "127.0.0.1"
    assert sent["x-forwarded-proto"] == "http"


async def test_other_headers_reach_the_services(
    client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    other_headers = {
        "Idempotency-Key": "k",
        "If-None-Match": '"x"',
        "Traceparent": "00-1-2-00",
        "Accept-Language": "de",
    }
    await client.get("/api/v1/tags", headers=other_headers)
    request = stand_ins["content"].requests[-1]
    assert {name: request.list_values(name.lower()) for name in other_headers} == {
        name: [value] for name, value in other_headers.items()
    }


@pytest.mark.parametrize("address", ["/api/v1/tags", "/health", "/nowhere", "/api/v1/users/me"])
async def test_responses_have_security_headers_and_no_headers_of_envoy(
    address: str, client: httpx.AsyncClient
) -> None:
    response = await client.get(address)
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    assert response.headers.get_list("content-security-policy") == [
        "default-src 'none'; frame-ancestors 'none'"
    ]
    assert response.headers.get_list("server") == ["parley"]
    assert "Origin" in response.headers["vary"]
    assert not [name for name in response.headers if name.startswith(("x-envoy", "x-powered", "strict-"))]


async def test_a_service_may_set_its_own_content_security_policy(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/tags", params={"content-security-policy": "default-src 'self'"})
    assert response.headers.get_list("content-security-policy") == ["default-src 'self'"]


async def test_a_preflight_from_a_known_origin_succeeds(client: httpx.AsyncClient) -> None:
    preflight_headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
    response = await client.options("/api/v1/users/me", headers=preflight_headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "PUT" in response.headers["access-control-allow-methods"]
    assert {"authorization", "content-type", "idempotency-key", "if-match"} <= set(
        response.headers["access-control-allow-headers"].split(", ")
    )
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("address", ["/api/v1/tags", "/api/v1/users/me"])
async def test_a_known_origin_may_read_responses_and_errors(address: str, client: httpx.AsyncClient) -> None:
    response = await client.get(address, headers={"Origin": ORIGIN})
    assert response.headers["access-control-allow-origin"] == ORIGIN
    exposed = set(response.headers["access-control-expose-headers"].split(", "))
    assert {"x-request-id", "ratelimit", "retry-after", "idempotency-replayed", "etag", "location"} <= exposed


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "https://appxexample.com",
        "http://app.example.com",
    ],
)
async def test_an_unknown_origin_gets_no_cors_headers(
    origin: str, client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    before = len(stand_ins["auth"].requests)
    preflight_headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    preflight = await client.options("/api/v1/auth/login", headers=preflight_headers)
    assert "access-control-allow-origin" not in preflight.headers
    assert len(stand_ins["auth"].requests) == before
    response = await client.get("/api/v1/tags", headers={"Origin": origin})
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_long_json_is_compressed_and_its_etag_becomes_weak(encoding: str, gateway: Gateway) -> None:
    address = "/api/v1/tags?size=5000&etag=%22abc%22"
    response = await send_raw(gateway, f"GET {address} HTTP/1.1", "Host: x", f"Accept-Encoding: {encoding}")
    assert response.headers["content-encoding"] == encoding
    assert response.headers["etag"] == 'W/"abc"'
    assert {"Accept-Encoding", "Origin"} <= set(response.headers["vary"].replace(" ", "").split(","))


@pytest.mark.parametrize("content_type", ["text/javascript; charset=utf-8", "text/css", "text/html"])
async def test_scripts_and_styles_are_compressed_and_pages_are_not(
    content_type: str, client: httpx.AsyncClient
) -> None:
    params = {"size": "5000", "type": content_type}
    response = await client.get("/api/v1/tags", params=params, headers={"Accept-Encoding": "gzip"})
    assert ("content-encoding" in response.headers) == (content_type != "text/html")


async def test_short_json_is_not_compressed(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/tags", headers={"Accept-Encoding": "gzip, br"})
    assert "content-encoding" not in response.headers


async def test_the_access_log_contains_no_secrets(gateway: Gateway, client: httpx.AsyncClient) -> None:
    marked = f"log-{uuid4().hex}"
    headers = {"X-Request-Id": marked, "Authorization": "Bearer se.cr.et", "User-Agent": "secret-agent"}
    await client.get("/api/v1/auth/verify?token=secret&email=secret%40example.com", headers=headers)
    await asyncio.sleep(1)
    (line,) = [line for line in gateway.read_access_log() if line["request_id"] == marked]
    assert line["path"] == "/api/v1/auth/verify"
    assert (line["method"], line["status"], line["service"]) == ("GET", 200, "auth")
    assert "secret" not in str(line)
    assert "127.0.0.1" not in str(line)


async def test_a_query_string_is_not_logged_when_a_body_is_too_large(
    gateway: Gateway, client: httpx.AsyncClient
) -> None:
    await client.post("/api/v1/auth/login?token=too-large-and-secret", content=b"x" * (1024 * 1024 + 1))
    await asyncio.sleep(1)
    assert "too-large-and-secret" not in gateway.output.read_text()
