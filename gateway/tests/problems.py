"""Read the gateway's problem documents."""

from typing import Any

import httpx


def read_problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem document of a response, once it has everything that the API promises."""
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "request_id"}
    assert document["type"] == f"/problems/{document['code']}"
    assert document["status"] == answer.status_code
    assert document["detail"].endswith(".")
    assert answer.headers.get_list("x-request-id") == [document["request_id"]]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["server"] == "parley"
    return document
