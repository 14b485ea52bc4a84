"""The API document for authors of clients, which the gateway serves as it is committed."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.openapi import DOCUMENT_PATH, GROUPS, iterate_operations, render_document

DOCUMENT: dict[str, Any] = json.loads(DOCUMENT_PATH.read_text())
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def find_repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def test_the_document_is_current() -> None:
    assert render_document() == DOCUMENT_PATH.read_text(), "run `make docs`"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_described_with_its_errors(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    if operation.get("security"):
        assert {"401", "default"} <= set(operation["responses"])


def test_operation_ids_are_unique_function_names() -> None:
    ids = [operation["operationId"] for operation in iterate_operations(DOCUMENT)]
    assert not find_repeated(ids)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", operation_id) for operation_id in ids)


def test_no_two_schemas_share_a_title() -> None:
    """Client generators name classes by title, and drop the second of two."""
    schemas = DOCUMENT["components"]["schemas"]
    titles = {name: schema.get("title", name) for name, schema in schemas.items()}
    assert not find_repeated(titles.values())
    assert titles == {name: name for name in schemas}


def test_internal_routes_are_excluded() -> None:
    paths = set(DOCUMENT["paths"])
    assert all(path.startswith(("/api/v1/", "/.well-known/")) for path in paths)


def test_groups_follow_a_learners_journey() -> None:
    assert [group["name"] for group in DOCUMENT["tags"]] == list(GROUPS)
    assert all(group["description"].endswith(".") for group in DOCUMENT["tags"])
    used = [operation["tags"] for operation in iterate_operations(DOCUMENT)]
    assert {tag for tags in used for tag in tags} == set(GROUPS)
    assert all(len(tags) == 1 for tags in used)
