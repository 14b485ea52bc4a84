"""Errors of the gateway under /admin: a page for browsers, a problem document for scripts."""

import httpx
import pytest

from gateway.tests.envoy import run_gateway
from gateway.tests.problems import read_problem
from gateway.tests.stand_in import StandIn

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = {"Accept": "application/json"}
PAGE = "/admin/content/speeches"


def ensure_page(response: httpx.Response, status: int, text: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert text in response.text
    assert response.headers["x-request-id"] in response.text
    assert response.headers["cache-control"] == "no-store"
    assert "style-src 'self'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/admin/nothing", "/admin/nothing?x=1", "/admin/scoring/x"])
async def test_an_unknown_address_is_a_page(path: str, client: httpx.AsyncClient) -> None:
    ensure_page(await client.get(path, headers=BROWSER), 404, "Page not found")
    assert read_problem(await client.get(path, headers=SCRIPT))["code"] == "not_found"


async def test_addresses_outside_the_panel_have_no_pages(client: httpx.AsyncClient) -> None:
    for path in ("/administration", "/api/v1/nothing"):
        assert read_problem(await client.get(path, headers=BROWSER))["code"] == "not_found"


async def test_a_body_that_is_too_large_is_a_page_or_a_problem(client: httpx.AsyncClient) -> None:
    content = b"x" * (1024 * 1024 + 1)
    ensure_page(await client.post(PAGE, content=content, headers=BROWSER), 413, "This is too large")
    refused = await client.post(PAGE, content=content, headers=SCRIPT)
    assert read_problem(refused)["code"] == "payload_too_large"


async def test_too_many_requests_is_a_page_or_a_problem(stand_ins: dict[str, StandIn]) -> None:
    async with (
        run_gateway(stand_ins, FLOOD_REQUESTS_PER_MINUTE="1") as gateway,
        httpx.AsyncClient(base_url=gateway.url) as client,
    ):
        await client.get(PAGE)
        response = await client.get(PAGE, headers=BROWSER)
        ensure_page(response, 429, "Too many requests")
        assert int(response.headers["retry-after"]) > 0
        assert read_problem(await client.get(PAGE, headers=SCRIPT))["code"] == "too_many_requests"


async def test_a_service_that_is_down_is_a_page_or_a_problem(
    client: httpx.AsyncClient, stand_ins: dict[str, StandIn]
) -> None:
    await stand_ins["content"].stop()
    try:
        page = await client.get(PAGE, headers=BROWSER)
        document = await client.get(PAGE, headers=SCRIPT)
    finally:
        await stand_ins["content"].start()
    ensure_page(page, 503, "not available right now")
    assert page.headers["retry-after"] == "5"
    assert read_problem(document)["code"] == "unavailable"


async def test_an_unreadable_address_is_a_page(client: httpx.AsyncClient) -> None:
    address = "/admin/content%2fspeeches"
    ensure_page(await client.get(address, headers=BROWSER), 400, "could not be read")
    assert read_problem(await client.get(address, headers=SCRIPT))["code"] == "bad_request"


async def test_errors_of_a_service_pass_unchanged(client: httpx.AsyncClient) -> None:
    for status in (404, 422, 429, 503):
        response = await client.get(PAGE, params={"status": status}, headers=BROWSER)
        assert (response.status_code, response.json()["service"]) == (status, "content")
