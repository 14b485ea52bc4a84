"""The admin panel: auth exchanges the cookie for a token, and only that token opens a page."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.tests.envoy import run_gateway
from gateway.tests.problems import read_problem
from gateway.tests.stand_in import GATE, StandIn
from tests.operations import OPERATIONS, Operation

PAGE, JWKS = "/admin/content/speech/list", "/.well-known/jwks.json"
COOKIE = {"Cookie": "__Host-parley_admin=secret", "Accept": "text/html"}
PANELS = ["auth", "content", "game", "importer"]


@pytest.fixture
def gate(stand_ins: dict[str, StandIn]) -> Iterator[StandIn]:
    auth = stand_ins["auth"]
    defaults = auth.gate
    yield auth
    auth.gate = defaults


@pytest.mark.parametrize("service", PANELS)
async def test_the_token_from_auth_replaces_the_cookie(
    service: str, client: httpx.AsyncClient, stand_ins: dict[str, StandIn], bearer: dict[str, str]
) -> None:
    response = await client.post(
        f"/admin/{service}/thing/edit/1?page=2", headers=COOKIE | bearer, content=b"x"
    )
    assert response.status_code == 200
    check_request = stand_ins["auth"].get_last(f"{GATE}/admin/{service}/thing/edit/1?page=2")
    assert check_request.method == "POST"
    assert check_request.list_values("cookie") == [COOKIE["Cookie"]]
    assert check_request.list_values("host") == [httpx.URL(str(client.base_url)).netloc.decode()]
    page_request = stand_ins[service].get_last(f"/admin/{service}/thing/edit/1?page=2")
    assert page_request.body_bytes == 1
    assert page_request.list_values("authorization") == ["Bearer from-auth"]
    assert page_request.list_values("cookie") == []


async def test_a_token_that_the_client_sends_is_ignored_in_the_panel(
    client: httpx.AsyncClient, stand_ins: dict[str, StandIn], gate: StandIn, bearer: dict[str, str]
) -> None:
    gate.gate = (200, {}, "")
    auth, content = stand_ins["auth"].requests, stand_ins["content"].requests
    before = len(auth), len(content)
    style = "/admin/content/statics/panel.css"
    for path in (PAGE, style, "/admin/login"):
        await client.get(path, headers=COOKIE | bearer)
    auth_requests = [request for request in auth[before[0] :] if request.target != JWKS]
    requests = [*auth_requests, *content[before[1] :]]
    assert [request.target for request in requests] == [GATE + PAGE, "/admin/login", PAGE, style]
    assert [request.list_values("authorization") for request in requests] == [[]] * 4


async def test_a_browser_without_a_session_is_sent_to_the_sign_on(
    client: httpx.AsyncClient, stand_ins: dict[str, StandIn], gate: StandIn
) -> None:
    gate.gate = (303, {"location": "/admin/login?next=%2Fadmin"}, "")
    before = len(stand_ins["content"].requests)
    response = await client.get(PAGE, headers=COOKIE)
    assert (response.status_code, response.headers["location"]) == (303, "/admin/login?next=%2Fadmin")
    assert len(stand_ins["content"].requests) == before


async def test_a_script_without_a_session_gets_the_problem_of_auth(
    client: httpx.AsyncClient, gate: StandIn
) -> None:
    headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
    gate.gate = (401, headers, '{"code": "unauthorized", "title": "100 %"}')
    response = await client.get(PAGE)
    assert (response.status_code, response.json()) == (401, {"code": "unauthorized", "title": "100 %"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("status", [500, 503])
async def test_a_failure_of_auth_is_shown_as_a_page(
    status: int, client: httpx.AsyncClient, stand_ins: dict[str, StandIn], gate: StandIn
) -> None:
    gate.gate = (status, {}, "{}")
    before = len(stand_ins["content"].requests)
    response = await client.get(PAGE, headers=COOKIE)
    assert (response.status_code, response.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert response.headers["x-request-id"] in response.text
    assert "style-src 'self'" in response.headers["content-security-policy"]
    assert response.headers["retry-after"] == "5"
    assert len(stand_ins["content"].requests) == before
    assert read_problem(await client.get(PAGE))["code"] == "unavailable"


async def test_pages_are_unavailable_while_auth_is_down(stand_ins: dict[str, StandIn]) -> None:
    with_auth_down = stand_ins | {"auth": StandIn("auth", port=1)}
    async with run_gateway(with_auth_down) as gateway, httpx.AsyncClient(base_url=gateway.url) as client:
        for page in (PAGE, "/admin", "/admin/login"):
            response = await client.get(page, headers=COOKIE)
            assert (response.status_code, "not available right now" in response.text) == (503, True), page
        files = await client.get("/admin/content/statics/panel.css")
        assert files.status_code == 200


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_the_api_receives_no_cookie(
    operation: Operation, client: httpx.AsyncClient, stand_ins: dict[str, StandIn], editor: dict[str, str]
) -> None:
    before = {name: len(service.requests) for name, service in stand_ins.items()}
    await client.request(operation.method, operation.address, headers=COOKIE | editor)
    requests = [
        request
        for name, service in stand_ins.items()
        for request in service.requests[before[name] :]
        # Without a token, it is the gateway's own request for keys.
        if request.target != JWKS or request.list_values("authorization")
    ]
    assert [
        (request.list_values("cookie"), request.list_values("authorization")) for request in requests
    ] == [([], [editor["Authorization"]])]


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/login?next=%2Fadmin", "/admin/logout"])
async def test_the_sign_on_receives_the_cookie_and_no_token(
    path: str, client: httpx.AsyncClient, stand_ins: dict[str, StandIn], bearer: dict[str, str]
) -> None:
    assert (await client.post(path, headers=COOKIE | bearer)).status_code == 200
    requests = stand_ins["auth"].get_last(path)
    assert (requests.list_values("cookie"), requests.list_values("authorization")) == ([COOKIE["Cookie"]], [])


@pytest.mark.parametrize("service", PANELS)
async def test_files_of_pages_need_no_session(
    service: str, client: httpx.AsyncClient, stand_ins: dict[str, StandIn], gate: StandIn
) -> None:
    gate.gate = (401, {}, "")
    path = f"/admin/{service}/statics/css/panel.css"
    assert (await client.get(path, headers=COOKIE)).status_code == 200
    assert stand_ins[service].get_last(path).list_values("cookie") == []


@pytest.mark.parametrize(
    "path",
    [
        "/admin/content/statics/../speech/list",
        "/admin/content/statics/%2e%2e/speech/list",
        "/admin//content///speech/list",
        "/admin/./content/speech/list",
        "/admin/login/../content/speech/list",
        "/admin/content",
        "/admin/content/",
        "/admin/content/staticsx",
    ],
)
async def test_no_spelling_of_a_path_bypasses_the_session_check(
    path: str, client: httpx.AsyncClient, stand_ins: dict[str, StandIn], gate: StandIn
) -> None:
    gate.gate = (401, {}, "")
    before = len(stand_ins["content"].requests)
    assert (await client.get(path)).status_code == 401
    assert len(stand_ins["content"].requests) == before


async def test_other_sites_may_not_read_the_panel(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    for path in ("/admin/login", "/admin/token", PAGE):
        response = await client.options(path, headers=headers)
        assert "access-control-allow-origin" not in response.headers


async def test_pages_name_their_origin_when_they_send_forms(client: httpx.AsyncClient) -> None:
    for path in ("/admin/login", PAGE):
        assert (await client.get(path)).headers["referrer-policy"] == "same-origin"
    assert (await client.get("/api/v1/tags")).headers["referrer-policy"] == "no-referrer"
