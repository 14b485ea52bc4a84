"""The API document and its page, served without any other server."""

import json
import re

import httpx
import pytest

from gateway.openapi import DOCUMENT_PATH
from gateway.tests.problems import read_problem

ASSETS = {
    "/docs/start.js": "text/javascript",
    "/docs/swagger-ui-bundle.js": "text/javascript",
    "/docs/swagger-ui.css": "text/css",
}


async def test_the_committed_document_is_served(client: httpx.AsyncClient) -> None:
    response = await client.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == json.loads(DOCUMENT_PATH.read_text())
    assert response.headers["cache-control"] == "public, max-age=300"


async def test_the_page_loads_nothing_from_other_sites(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert set(re.findall(r'(?:src|href)="(/[^"]*)"', page.text)) == set(ASSETS)
    assert "//" not in page.text.replace("<!doctype", "")


@pytest.mark.parametrize(("address", "kind"), ASSETS.items())
async def test_the_files_of_the_page_are_served(address: str, kind: str, client: httpx.AsyncClient) -> None:
    response = await client.get(address)
    assert response.status_code == 200
    assert response.headers["content-type"] == kind
    assert response.text


async def test_the_policy_of_the_page_allows_only_its_own_files(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


async def test_requests_for_the_documents_are_limited(client: httpx.AsyncClient) -> None:
    responses = [await client.head("/docs/swagger-ui.css") for _ in range(60)]
    refused = [response for response in responses if response.status_code == 429]
    assert refused
    assert "retry-after" in refused[0].headers
    assert read_problem(await client.get("/docs/swagger-ui.css"))["code"] == "too_many_requests"
