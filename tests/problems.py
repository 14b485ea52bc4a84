from typing import Any

import httpx


def read_problem(response: httpx.Response, *, status: int, code: str) -> dict[str, Any]:
    """Return the problem of a response of the gateway, once it is complete."""
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"]
    return problem
