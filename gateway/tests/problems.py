"""Read the gateway's problem documents."""

from typing import Any

import httpx


def read_problem(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document of a response, after checking its required members."""
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "request_id"}
    assert document["type"] == f"/problems/{document['code']}"
    assert document["status"] == response.status_code
    assert document["detail"].endswith(".")
    assert response.headers.get_list("x-request-id") == [document["request_id"]]
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert response.headers["server"] == "parley"
    return document
