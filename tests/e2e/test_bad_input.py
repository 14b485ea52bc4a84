"""Any request of a client gets a readable problem within a second, and never a 5xx."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journey import RECORDINGS, Learner, build_session
from tests.operations import (
    OPERATIONS,
    Field,
    Operation,
    build_example,
    build_pointer,
    find_field_type,
    iterate_fields,
    replace,
)
from tests.problems import read_problem

pytestmark = pytest.mark.journey

SOURCES = (
    "/api/v1/auth/register",
    "/api/v1/auth/login",
    "/api/v1/game/speeches/random",
    "/api/v1/game/sessions",
)


@pytest.fixture(autouse=True)
async def within_a_second() -> AsyncIterator[None]:
    """Allow ten times the usual duration: a hang fails, a slow machine does not."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("path", SOURCES)
@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe\x00", b"nul", b"[" * 15_000])
async def test_malformed_json_is_a_readable_problem(learner: Learner, path: str, body: bytes) -> None:
    headers = {**learner.headers, "Content-Type": "application/json"}
    response = await learner.client.post(path, content=body, headers=headers)
    assert response.status_code in {400, 422}
    read_problem(response, status=response.status_code, code=response.json()["code"])


@pytest.mark.parametrize("path", SOURCES)
@pytest.mark.parametrize("body", [None, [], "text", 7, {}, {"level": ["A1"], "email": {}, "results": "none"}])
async def test_a_value_of_a_wrong_type_gets_a_readable_problem(
    learner: Learner, path: str, body: Any
) -> None:
    response = await learner.client.post(path, json=body, headers=learner.headers)
    code = "unknown_field" if isinstance(body, dict) and body else "validation_failed"
    assert read_problem(response, status=422, code=code)["errors"][0]["pointer"]


@pytest.mark.parametrize("path", SOURCES)
async def test_a_huge_body_is_a_readable_problem(learner: Learner, path: str) -> None:
    headers = {**learner.headers, "Content-Type": "application/json"}
    response = await learner.client.post(path, content=b" " * 3_000_000, headers=headers)
    read_problem(response, status=413, code="payload_too_large")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_missing_and_forged_tokens_are_a_readable_problem(
    gateway: httpx.AsyncClient, learner: Learner, token: str
) -> None:
    header, claims, signature = learner.token.split(".")
    for sent in (token, f"{header}.{claims}.{signature[::-1]}"):
        headers = {"Authorization": f"Bearer {sent}"} if sent else {}
        for path in ("/api/v1/users/me", "/api/v1/game/sessions", "/api/v1/game/stats"):
            response = await gateway.get(path, headers=headers)
            read_problem(response, status=401, code="unauthorized")
            assert response.headers["www-authenticate"].startswith("Bearer")


async def test_an_unknown_speech_is_a_readable_problem(learner: Learner) -> None:
    unknown = str(uuid4())
    response = await learner.post("/game/sessions", build_session([{"id": unknown}]))
    assert read_problem(response, status=404, code="speech_not_found")["speech_ids"] == [unknown]
    assert (await learner.get(f"/speeches/{unknown}")).status_code == 404


async def test_every_operation_refuses_a_missing_body_and_token(
    gateway: httpx.AsyncClient, learner: Learner
) -> None:
    document = (await gateway.get("/openapi.json")).json()
    operations = [
        (method, path.replace("{", "").replace("}", ""), operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/api/v1")
    ]
    assert len(operations) >= 12
    for method, path, operation in operations:
        anonymous = await gateway.request(method, path)
        if operation.get("security"):
            read_problem(anonymous, status=401, code="unauthorized")
        for sent in ({"content": b"{"}, {"json": {"x": "\u0000"}}, {"json": ["\U0001f600" * 3000]}):
            arguments: dict[str, Any] = sent
            response = await gateway.request(method, path, headers=learner.headers, **arguments)
            assert response.status_code < 500, (method, path, response.text)
            if response.status_code >= 400:
                assert response.headers["content-type"] == "application/problem+json"


EDGES: list[Any] = [
    "",
    "x" * 10_000,
    "a\x00b",
    "\u202e\u05e9\u05dc\u05d5\u05dd",
    "\U0001f600" * 50,
    "\ud800",
    "' OR 1=1; DROP TABLE users --",
    ["x"],
    {"x": "y"},
    -1,
    7.5,
    10**30,
    None,
    True,
]
BATCH = "/api/v1/game/sessions:batch"


def iterate_tested_fields(operation: Operation) -> Iterator[Field]:
    """Yield the fields of a body, but not of the sessions in a batch, each of which has its own outcome.

    The game service validates them as it does a single session's.
    """
    for field in iterate_fields(operation.body or {}):
        if operation.path != BATCH or len(field) == 1:
            yield field


FIELDS = [
    pytest.param(operation, field, id=f"{operation} {build_pointer(field)}")
    for operation in OPERATIONS
    for field in iterate_tested_fields(operation)
]


@pytest.mark.parametrize(("operation", "field"), FIELDS)
async def test_every_field_refuses_values_beyond_its_limits(
    learner: Learner, admin: Learner, operation: Operation, field: Field
) -> None:
    """A 422 names the field, or a field that is invalid in the example anyway."""
    caller = admin if operation.path.startswith("/api/v1/admin/") else learner

    async def send(body: Any) -> httpx.Response:
        # Encoded as ASCII, because a lone surrogate cannot be sent otherwise.
        headers = {**caller.headers, "Content-Type": "application/json"}
        content = json.dumps(body)
        return await caller.client.request(
            operation.method, operation.address, content=content, headers=headers
        )

    valid_body = await build_valid_body(operation, learner)
    wrong_anyway = list_pointers(await send(valid_body))
    for edge in EDGES:
        response = await send(replace(valid_body, field, edge))
        assert response.status_code < 500, (edge, response.text)
        if response.status_code < 400:
            continue
        read_problem(response, status=response.status_code, code=response.json()["code"])
        if response.status_code == 422:
            pointers = list_pointers(response)
            assert (
                any(pointer.startswith(build_pointer(field)) for pointer in pointers)
                or pointers & wrong_anyway
            ), edge


INTEGER_FIELDS = [
    pytest.param(operation, field, id=f"{operation} {build_pointer(field)}")
    for operation in OPERATIONS
    for field in iterate_tested_fields(operation)
    if find_field_type(operation.body or {}, field) == "integer"
]
INTEGER_PARAMETERS = [
    pytest.param(operation, parameter["name"], id=f"{operation} {parameter['name']}")
    for operation in OPERATIONS
    for parameter in operation.described.get("parameters", [])
    if parameter["in"] == "query" and find_field_type(parameter["schema"], ()) == "integer"
]


@pytest.mark.parametrize(("operation", "field"), INTEGER_FIELDS)
async def test_an_integer_in_a_body_may_end_in_point_zero(
    learner: Learner, admin: Learner, operation: Operation, field: Field
) -> None:
    caller = admin if operation.path.startswith("/api/v1/admin/") else learner
    valid_body = await build_valid_body(operation, learner)
    for value, accepted in ((1.0, True), (1.5, False), ("1", False), (True, False)):
        response = await caller.client.request(
            operation.method,
            operation.address,
            json=replace(valid_body, field, value),
            headers=caller.headers,
        )
        assert (build_pointer(field) not in list_pointers(response)) is accepted, (value, response.text)


@pytest.mark.parametrize(("operation", "name"), INTEGER_PARAMETERS)
async def test_an_integer_in_a_query_may_end_in_point_zero(
    learner: Learner, admin: Learner, operation: Operation, name: str
) -> None:
    caller = admin if operation.path.startswith("/api/v1/admin/") else learner
    for value, accepted in (("1.0", True), ("1.5", False), ("true", False)):
        response = await caller.client.request(
            operation.method, operation.address, params={name: value}, headers=caller.headers
        )
        assert (f"#/query/{name}" not in list_pointers(response)) is accepted, (value, response.text)


def test_a_form_has_no_integers() -> None:
    """The two tests above do not cover forms."""
    for operation in OPERATIONS:
        contents = operation.described.get("requestBody", {}).get("content", {})
        form = contents.get("multipart/form-data", {}).get("schema", {})
        assert not [field for field in iterate_fields(form) if find_field_type(form, field) == "integer"]


async def build_valid_body(operation: Operation, learner: Learner) -> Any:
    """Generate an example that also satisfies rules outside the schema: the speeches of a game must exist."""
    body = build_example(operation.body or {})
    if (operation.method, operation.path) == ("POST", "/api/v1/game/sessions"):
        played = build_session(await learner.draw(limit=1))
        return played | {"selected_tags": body["selected_tags"]}
    return body


def list_pointers(response: httpx.Response) -> set[str]:
    """Return the fields that a problem names."""
    problem = response.json() if response.status_code >= 400 else {}
    return {error["pointer"] for error in problem.get("errors", [])}


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/api/v1/metrics",
        "/api/v1/auth/metrics",
        "/api/v1/auth/..%2f..%2f..%2fmetrics",
        "/api/v1/auth/../../../metrics",
        "//metrics",
        "/health/../metrics",
    ],
)
async def test_internal_routes_cannot_be_reached_through_the_gateway(
    gateway: httpx.AsyncClient, path: str
) -> None:
    response = await gateway.send(
        gateway.build_request("GET", httpx.URL(str(gateway.base_url).rstrip("/") + path))
    )
    assert response.status_code >= 300
    assert "http_request_duration_seconds" not in response.text


async def test_the_recordings_that_the_tests_need_exist() -> None:
    assert {"good.wav", "wrong-word.mp3", "silent.m4a"} <= {path.name for path in RECORDINGS.iterdir()}
