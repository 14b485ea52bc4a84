import httpx
import pytest
from shared.testing import TokenFor
from uuid_utils.compat import uuid7

from tests.shared.http.demo import read_problem


@pytest.mark.parametrize(
    "path", ["/paged?limit=3", "/taken", "/mine", "/nowhere", "/health", "/paged?limit=0"]
)
async def test_head_answers_as_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    varying = {"X-Request-Id": "the-same-id"}
    whole, head = await client.get(path, headers=varying), await client.head(path, headers=varying)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers == whole.headers
    assert int(head.headers["content-length"]) == len(whole.content) > 0


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE", "QUERY", "PROPFIND", "query"])
async def test_another_method_is_refused_and_the_allowed_ones_are_named(
    client: httpx.AsyncClient, method: str
) -> None:
    answer = await client.request(method, "/things")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_head_is_allowed_where_get_is(client: httpx.AsyncClient) -> None:
    answer = await client.request("QUERY", "/paged")
    assert read_problem(answer, status=405, code="method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


async def test_two_hosts_are_refused(client: httpx.AsyncClient) -> None:
    read_problem(
        await client.get("/trace", headers=[("Host", "test"), ("Host", "other")]),
        status=400,
        code="bad_request",
    )


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "GZIP"])
async def test_a_compressed_body_is_refused(client: httpx.AsyncClient, coding: str) -> None:
    answer = await client.post("/things", json={"name": "x"}, headers={"Content-Encoding": coding})
    read_problem(answer, status=415, code="unsupported_encoding")
    assert answer.headers["accept-encoding"] == "identity"


async def test_an_uncompressed_body_is_accepted(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things", json={"name": "x"}, headers={"Content-Encoding": "identity"})
    assert answer.status_code == 200


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
    answer = await client.get("/mine", headers={"Authorization": f"{scheme} {token_for(uuid7())}"})
    assert answer.status_code == 200
