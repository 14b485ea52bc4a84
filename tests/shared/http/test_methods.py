import httpx
import pytest
from shared.testing import TokenFor
from uuid_utils.compat import uuid7

from tests.shared.http.demo import read_problem


@pytest.mark.parametrize(
    "path", ["/paged?limit=3", "/taken", "/mine", "/nowhere", "/health", "/paged?limit=0"]
)
async def test_head_returns_the_get_response_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    varying = {"X-Request-Id": "the-same-id"}
    get_response, head_response = (
        await client.get(path, headers=varying),
        await client.head(path, headers=varying),
    )
    assert (head_response.status_code, head_response.content) == (get_response.status_code, b"")
    assert head_response.headers == get_response.headers
    assert int(head_response.headers["content-length"]) == len(get_response.content) > 0


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE", "QUERY", "PROPFIND", "query"])
async def test_other_methods_are_refused_with_the_allowed_ones(
    client: httpx.AsyncClient, method: str
) -> None:
    response = await client.request(method, "/things")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_head_is_allowed_where_get_is(client: httpx.AsyncClient) -> None:
    response = await client.request("QUERY", "/paged")
    assert read_problem(response, status=405, code="method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD"


async def test_two_hosts_are_refused(client: httpx.AsyncClient) -> None:
    read_problem(
        await client.get("/trace", headers=[("Host", "test"), ("Host", "other")]),
        status=400,
        code="bad_request",
    )


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "GZIP"])
async def test_a_compressed_body_is_refused(client: httpx.AsyncClient, coding: str) -> None:
    response = await client.post("/things", json={"name": "x"}, headers={"Content-Encoding": coding})
    read_problem(response, status=415, code="unsupported_encoding")
    assert response.headers["accept-encoding"] == "identity"


async def test_an_uncompressed_body_is_accepted(client: httpx.AsyncClient) -> None:
    response = await client.post("/things", json={"name": "x"}, headers={"Content-Encoding": "identity"})
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/mine", "/edit", "/nowhere", "/broken", "/taken", "/paged?limit=0"])
async def test_responses_are_not_stored_by_caches(
    client: httpx.AsyncClient, token_for: TokenFor, path: str
) -> None:
    for headers in ({}, {"Authorization": f"Bearer {token_for(uuid7())}"}):
        assert (await client.get(path, headers=headers)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
async def test_the_scheme_is_read_in_any_case(
    client: httpx.AsyncClient, token_for: TokenFor, scheme: str
) -> None:
    response = await client.get("/mine", headers={"Authorization": f"{scheme} {token_for(uuid7())}"})
    assert response.status_code == 200
