"""The API reference, as the author of an app reads it at /docs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.openapi import DOCUMENT_PATH
from gateway.tests.examples import find_errors, find_examples

DOCUMENT: dict[str, Any] = json.loads(DOCUMENT_PATH.read_text())
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
TOPICS = ("Signing in", "Errors", "Limits", "Repeating requests", "Times and time zones", "Paging")


def iterate_successes(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the bodies of successful responses."""
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            yield from response.get("content", {}).values()


def assert_valid_examples(content: dict[str, Any]) -> None:
    examples = find_examples(content, DOCUMENT)
    assert examples
    for example in examples:
        assert not find_errors(example, content["schema"], DOCUMENT)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_introduction_explains_the_basics(topic: str) -> None:
    assert re.search(rf"^## {topic}", DOCUMENT["info"]["description"], re.MULTILINE)


def test_the_problem_in_the_introduction_is_valid() -> None:
    errors = DOCUMENT["info"]["description"].partition("## Errors")[2]
    problem = re.findall(r"(?m)(?:^ {4}.*\n)+", errors)[0]
    assert not find_errors(json.loads(problem), {"$ref": "#/components/schemas/Problem"}, DOCUMENT)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_summary_names_an_action_and_the_description_explains_it(operation: dict[str, Any]) -> None:
    assert len(operation["summary"].split()) >= 2
    assert operation["summary"][0].isupper()
    assert operation["description"][0].isupper()
    assert re.search(r"[.:`|]$", operation["description"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_request_has_a_valid_example(operation: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {"content": {}})["content"].values():
        assert_valid_examples(content)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_successful_responses_have_valid_examples(operation: dict[str, Any]) -> None:
    for content in iterate_successes(operation):
        assert_valid_examples(content)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_errors_name_their_codes(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if "400" <= status < "600":
            assert re.search(r"`[a-z]+(_[a-z]+)*`", response["description"]), (status, response)


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if "/admin/" in str(operation.id)]
)
def test_required_roles_are_documented(operation: dict[str, Any]) -> None:
    assert "403" in operation["responses"]
