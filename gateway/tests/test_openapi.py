"""The document completes the descriptions of the services."""

import json
from typing import Any

import pytest

from gateway.openapi import DOCUMENT_PATH, create_document, iterate_operations

DOCUMENT: dict[str, Any] = json.loads(DOCUMENT_PATH.read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def find_references(node: Any) -> set[str]:
    """Return the names of all schemas that a part of the document refers to."""
    names: set[str] = set()
    if isinstance(node, list):
        names.update(*map(find_references, node))
    elif isinstance(node, dict):
        names.update(*map(find_references, node.values()))
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            names |= {name} | find_references(SCHEMAS[name])
    return names


def test_errors_are_described_as_problem_documents() -> None:
    for operation in iterate_operations(DOCUMENT):
        for status, response in operation["responses"].items():
            if status == "default" or status >= "400":
                assert response["content"] == PROBLEM
    assert "HTTPValidationError" not in SCHEMAS


def test_every_operation_states_the_errors_that_any_may_have() -> None:
    for operation in iterate_operations(DOCUMENT):
        assert {"429", "503", "default"} <= operation["responses"].keys()
        assert ("401" in operation["responses"]) >= bool(operation.get("security"))


def test_a_request_field_with_a_default_is_optional_to_every_generator() -> None:
    """Some generators demand a field that has a `default`, even when it is not in `required`."""
    request_schemas = find_references(
        [operation.get("requestBody") for operation in iterate_operations(DOCUMENT)]
    )
    fields = [field for name in request_schemas for field in SCHEMAS[name].get("properties", {}).values()]
    assert fields
    assert not [field for field in fields if "default" in field]
    assert [field for field in fields if "Default: `10`." in field.get("description", "")]


def test_response_schemas_require_every_field() -> None:
    request_schemas = find_references(
        [operation.get("requestBody") for operation in iterate_operations(DOCUMENT)]
    )
    response_schemas = find_references(
        [o["responses"]["200"] for o in iterate_operations(DOCUMENT) if "200" in o["responses"]]
    )
    # The problem of a batch's session has `errors` only if fields are invalid, like that of any request.
    for name in response_schemas - request_schemas - {"Problem"}:
        assert SCHEMAS[name].get("required", []) == list(SCHEMAS[name].get("properties", {}))


def test_the_document_is_generated_without_a_server_or_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "RABBITMQ_URL", "REDIS_URL", "SIGNING_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert create_document()["paths"]
