"""The request examples of the reference have no invalid fields."""

import json
from typing import Any

import pytest

from gateway.openapi import DOCUMENT_PATH
from gateway.tests.examples import find_examples
from tests.journey import Learner
from tests.operations import OPERATIONS, Operation

pytestmark = pytest.mark.journey

DOCUMENT: dict[str, Any] = json.loads(DOCUMENT_PATH.read_text())
COMPLAINTS = {"validation_failed", "malformed_json", "aggregate_mismatch", "weak_password"}


@pytest.mark.parametrize("operation", [operation for operation in OPERATIONS if operation.body], ids=str)
async def test_a_request_example_is_accepted(learner: Learner, admin: Learner, operation: Operation) -> None:
    caller = admin if "/admin/" in operation.path else learner
    for body in find_examples(operation.described["requestBody"]["content"]["application/json"], DOCUMENT):
        response = await caller.client.request(
            operation.method, operation.address, json=body, headers=caller.headers
        )
        assert response.status_code < 400 or response.json()["code"] not in COMPLAINTS, response.text
