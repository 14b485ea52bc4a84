"""Rules for the requests of all operations."""

import pytest

from tests.operations import OPERATIONS, Operation, find_objects, find_texts

BOUNDS = {"maxLength", "enum", "const", "format", "pattern"}
WITH_BODY = [operation for operation in OPERATIONS if operation.described.get("requestBody")]


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_refuses_unknown_fields(operation: Operation) -> None:
    for content in operation.described["requestBody"]["content"].values():
        objects = list(find_objects(content["schema"]))
        assert objects
        assert all(schema["additionalProperties"] is False for schema in objects)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_text_has_a_maximum_length(operation: Operation) -> None:
    schemas = [
        parameter["schema"]
        for parameter in operation.described.get("parameters", [])
        if parameter["in"] == "query"
    ]
    for content in operation.described.get("requestBody", {"content": {}})["content"].values():
        schemas.append(content["schema"])
    texts = [text for schema in schemas for text in find_texts(schema)]
    assert [text for text in texts if not BOUNDS.intersection(text)] == []
