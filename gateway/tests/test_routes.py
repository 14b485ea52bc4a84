"""Routes lead to their service, and no spelling of a path reaches another address."""

import re

import httpx
import pytest

from deploy.services import SERVICES, Service
from gateway.openapi import describe_routes
from gateway.tests.envoy import Gateway
from gateway.tests.problems import read_problem
from gateway.tests.raw import send_raw
from gateway.tests.stand_in import StandIn

ROUTES = [
    ("POST", "/api/v1/auth/login", "auth", "public"),
    ("POST", "/api/v1/auth/password/forgot", "auth", "public"),
    ("GET", "/.well-known/jwks.json", "auth", "public"),
    ("GET", "/api/v1/users/me", "auth", "private"),
    ("GET", "/api/v1/users/me/export", "auth", "private"),
    ("GET", "/api/v1/admin/users?role=editor", "auth", "private"),
    ("PUT", "/api/v1/admin/users/01a/role", "auth", "private"),
    ("GET", "/api/v1/admin/audit?limit=5", "auth", "private"),
    ("GET", "/api/v1/tags", "content", "public"),
    ("HEAD", "/api/v1/tags", "content", "public"),
    ("GET", "/api/v1/game/tags", "content", "public"),
    ("POST", "/api/v1/tags", "content", "private"),
    ("POST", "/api/v1/game/speeches/random", "content", "private"),
    ("GET", "/api/v1/speeches/01a", "content", "private"),
    ("GET", "/api/v1/admin/speeches?page=2", "content", "private"),
    ("PUT", "/api/v1/admin/speeches/01a", "content", "private"),
    ("GET", "/api/v1/admin/tags", "content", "private"),
    ("DELETE", "/api/v1/admin/tags/01a", "content", "private"),
    ("GET", "/api/v1/admin/content/audit?limit=5", "content", "private"),
    ("POST", "/api/v1/game/sessions", "game", "private"),
    ("POST", "/api/v1/game/sessions:batch", "game", "private"),
    ("GET", "/api/v1/game/sessions/01a", "game", "private"),
    ("GET", "/api/v1/game/stats", "game", "private"),
    ("PUT", "/api/v1/game/goal", "game", "private"),
    ("GET", "/api/v1/game/reviews?limit=5", "game", "private"),
    ("GET", "/api/v1/admin/analytics/overview", "game", "private"),
    ("GET", "/api/v1/admin/analytics/retention", "game", "private"),
    ("GET", "/api/v1/admin/analytics/speeches?level=A1", "game", "private"),
    ("GET", "/api/v1/admin/game/audit?limit=5", "game", "private"),
    ("POST", "/api/v1/admin/import/audio", "importer", "private"),
    ("POST", "/api/v1/admin/import/csv", "importer", "private"),
    ("GET", "/api/v1/admin/import/uploads?limit=5", "importer", "private"),
    ("GET", "/api/v1/admin/import/uploads/01a", "importer", "private"),
    ("DELETE", "/api/v1/admin/import/uploads/01a", "importer", "private"),
    ("GET", "/api/v1/admin/import/jobs?limit=5", "importer", "private"),
    ("GET", "/api/v1/admin/import/jobs/01a", "importer", "private"),
    ("GET", "/api/v1/admin/import/jobs/01a/events", "importer", "private"),
    ("GET", "/api/v1/admin/import/jobs/01a/errors.csv", "importer", "private"),
    ("POST", "/api/v1/admin/import/jobs/01a/undo", "importer", "private"),
    ("GET", "/api/v1/admin/import/audit", "importer", "private"),
    ("POST", "/api/v1/speech/score", "scoring", "private"),
    ("GET", "/api/v1/speech/capabilities", "scoring", "private"),
]

UNROUTED_PATHS = [
    "/",
    "/metrics",
    "/openapi",
    "/adminx",
    "/admin/loginx",
    "/admin/scoring",
    "/admin/contentx/speech/list",
    "/stats",
    "/config_dump",
    "/docs/",
    "/docs/../openapi",
    "/docs/swagger-ui.js",
    "/docs/ready.lua",
    "/api/v1",
    "/api/v1/",
    "/api/v1/metrics",
    "/api/v1/health",
    "/api/v1/ready",
    "/api/v1/openapi.json",
    "/api/v1/authx/login",
    "/api/v1/tags/",
    "/api/v1/tagsx",
    "/api/v1/game/statsx",
    "/api/v1/game/sessionsx",
    "/api/v1/game/sessions:batches",
    "/api/v1/admin/import",
    "/api/v1/admin/import/jobsx",
    "/api/v1/admin/import/audio/",
    "/api/v1/admin/import/uploadsx",
    "/api/v1/admin/analytics",
    "/api/v1/admin/usersx",
    "/api/v1/admin/audit/",
    "/api/v1/admin/content",
    "/api/v1/admin/content/audit/",
    "/api/v1/admin/auditx",
    "/internal",
    "/internal/users/me/export",
    "/internal/panel-session/admin/content/",
    "/api/v1/internal/users/me/export",
    "/API/V1/TAGS",
    "/api/v2/tags",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json/",
]

PATH_TRICKS = [
    "/api/v1/auth/../../../metrics",
    "/api/v1/auth/%2e%2e/%2e%2e/%2e%2e/metrics",
    "/api/v1/auth/.%2e/.%2e/.%2E/metrics",
    "/api/v1/auth/..%2f..%2f..%2fmetrics",
    "/api/v1/auth/..%2F..%2F..%2Fmetrics",
    "/api/v1/auth/..%5c..%5c..%5cmetrics",
    "/api/v1/auth/..\\..\\..\\metrics",
    "/api/v1/auth/..%252f..%252fmetrics",
    "/api/v1/users/../../../internal/users/me/export",
    "/api/v1/game/sessions/../../../../internal/users/me/export",
    "//internal/users/me/export",
    "//metrics",
    "///metrics",
    "/./metrics",
    "/api/v1/auth//../..//../metrics",
    "/metrics/api/v1/auth",
    "/metrics;/api/v1/auth/",
    "/metrics%00/api/v1/auth/",
    "/metrics?/api/v1/auth/",
    "/metrics#/api/v1/auth/",
    "/api/v1/auth/%00../../../metrics",
    "http://auth/metrics",
    "http://127.0.0.1/api/v1/auth/../../../metrics",
    "metrics",
    "*",
]


@pytest.mark.parametrize(("method", "address", "service", "access"), ROUTES)
async def test_each_path_is_routed_to_its_service(
    method: str,
    address: str,
    service: str,
    access: str,
    client: httpx.AsyncClient,
    editor: dict[str, str],
    stand_ins: dict[str, StandIn],
) -> None:
    unauthenticated = await client.request(method, address)
    assert unauthenticated.status_code == (200 if access == "public" else 401)
    before = len(stand_ins[service].requests)
    response = await client.request(method, address, headers=editor)
    assert response.status_code == 200
    assert (method, address) in _list_requests(stand_ins[service], before)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_every_documented_operation_reaches_its_service(
    service: Service, client: httpx.AsyncClient, editor: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    for path, item in describe_routes(service)["paths"].items():
        address = re.sub(r"{\w+}", "01a", path)
        for method, operation in item.items():
            unauthenticated = await client.request(method, address)
            assert unauthenticated.status_code == (401 if operation.get("security") else 200)
            before = len(stand_ins[service.name].requests)
            await client.request(method, address, headers=editor)
            assert (method.upper(), address) in _list_requests(stand_ins[service.name], before)


def _list_requests(service: StandIn, since: int) -> list[tuple[str, str]]:
    """Return methods and targets. They may include the gateway's own requests for keys."""
    return [(request.method, request.target) for request in service.requests[since:]]


@pytest.mark.parametrize("address", UNROUTED_PATHS)
async def test_other_addresses_are_not_found(
    address: str, client: httpx.AsyncClient, bearer: dict[str, str]
) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        response = await client.request(method, address, headers=bearer)
        assert read_problem(response)["code"] == "not_found"


@pytest.mark.parametrize("address", PATH_TRICKS)
async def test_no_spelling_reaches_an_internal_address(
    address: str, gateway: Gateway, bearer: dict[str, str], stand_ins: dict[str, StandIn]
) -> None:
    before = {name: len(service.requests) for name, service in stand_ins.items()}
    authorization = f"Authorization: {bearer['Authorization']}"
    response = await send_raw(gateway, f"GET {address} HTTP/1.1", "Host: x", authorization)
    targets = [
        request.target for name, service in stand_ins.items() for request in service.requests[before[name] :]
    ]
    # The gateway itself may have requested the keys.
    reached_targets = [target for target in targets if target != "/.well-known/jwks.json"]
    assert all(target.startswith("/api/v1/auth/") and "metrics" in target for target in reached_targets)
    assert all("/../" not in target and "\\" not in target for target in reached_targets)
    if not reached_targets:
        assert read_problem(response)["status"] in (400, 404)


async def test_a_websocket_is_not_opened(gateway: Gateway) -> None:
    response = await send_raw(
        gateway, "GET /api/v1/tags HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket"
    )
    assert read_problem(response)["code"] == "forbidden"


async def test_a_tunnel_is_not_opened(gateway: Gateway) -> None:
    response = await send_raw(gateway, "CONNECT 127.0.0.1:5432 HTTP/1.1", "Host: x")
    assert read_problem(response)["code"] == "not_found"
