"""HEAD works wherever GET does, and an address refuses other methods with 405 and Allow."""

import httpx
import pytest
import yaml

from gateway.render import render
from gateway.tests.envoy import Gateway
from gateway.tests.problems import read_problem
from gateway.tests.raw import send_raw
from gateway.tests.stand_in import StandIn


def _list_own_pages() -> list[str]:
    config = yaml.safe_load(render({}))
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    pages = [route["match"]["path"] for route in routes if route.get("direct_response", {}).get("body")]
    return ["/ready", "/ready/workers", *pages]


@pytest.mark.parametrize("method", ["QUERY", "PROPFIND", "TRACE", "LOCK"])
@pytest.mark.parametrize("path", ["/health", "/docs", "/api/v1/tags", "/api/v1/users/me", "/nowhere"])
async def test_an_unknown_method_is_not_allowed(
    method: str, path: str, gateway: Gateway, stand_ins: dict[str, StandIn]
) -> None:
    response = await send_raw(gateway, f"{method} {path} HTTP/1.1", "Host: x", "Content-Length: 0")
    assert read_problem(response)["code"] == "method_not_allowed"
    assert {"GET", "HEAD"} <= set(response.headers["allow"].split(", "))
    assert "OPTIONS" not in response.headers["allow"]
    assert not [
        request for service in stand_ins.values() for request in service.requests if request.method == method
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_common_methods_are_forwarded_to_the_service(
    method: str, client: httpx.AsyncClient, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    address = "/api/v1/users/me?status=405"
    response = await client.request(method, address, headers=bearer)
    assert response.status_code == 405
    assert stand_ins["auth"].get_last(address).method == method


@pytest.mark.parametrize("path", _list_own_pages())
async def test_the_gateways_own_pages_accept_only_get_and_head(path: str, client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        response = await client.request(method, path)
        assert read_problem(response)["code"] == "method_not_allowed"
        assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", [*_list_own_pages(), "/api/v1/tags", "/.well-known/jwks.json", "/nowhere"])
async def test_head_is_get_without_a_body(path: str, client: httpx.AsyncClient) -> None:
    get_response, head_response = await client.get(path), await client.head(path)
    assert head_response.status_code == get_response.status_code
    assert head_response.headers["content-type"] == get_response.headers["content-type"]
    assert head_response.content == b""


@pytest.mark.parametrize("path", ["/health", "/api/v1/tags", "/api/v1/auth/login"])
async def test_two_hosts_are_a_bad_request(path: str, gateway: Gateway) -> None:
    response = await send_raw(gateway, f"GET {path} HTTP/1.1", "Host: one.example", "Host: two.example")
    assert read_problem(response)["code"] == "bad_request"


async def test_a_service_sees_that_a_body_is_compressed(
    client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    address, headers = "/api/v1/auth/login?status=415", {"Content-Encoding": "gzip"}
    await client.post(address, headers=headers, content=b"x")
    assert stand_ins["auth"].get_last(address).list_values("content-encoding") == ["gzip"]
