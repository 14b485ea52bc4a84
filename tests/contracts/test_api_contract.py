"""The API that clients are written against: one document, served by the gateway as it is committed."""

import json
from typing import Any

import pytest

from gateway.openapi import WRITTEN, current

DOCUMENT: dict[str, Any] = json.loads(WRITTEN.read_text())
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def test_the_document_is_current() -> None:
    assert current() == WRITTEN.read_text(), "run `make docs`"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_described_and_its_problems_are_told(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    if operation.get("security"):
        assert {"401", "default"} & set(operation["responses"])
