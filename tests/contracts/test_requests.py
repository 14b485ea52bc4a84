"""What holds for the requests of all operations."""

import pytest

from tests.operations import OPERATIONS, Operation, find_objects

WITH_BODY = [each for each in OPERATIONS if each.described.get("requestBody")]


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_refuses_unknown_fields(operation: Operation) -> None:
    for content in operation.described["requestBody"]["content"].values():
        objects = list(find_objects(content["schema"]))
        assert objects
        assert all(each["additionalProperties"] is False for each in objects)
