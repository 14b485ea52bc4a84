"""Examples of the API document: explicit ones, and ones composed of the examples of their fields."""

import re
from datetime import date, datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

type Document = dict[str, Any]
type Schema = dict[str, Any]

COMPOSED_FORMATS = {
    "uuid": "0197f3c2-a1b8-7c4e-9d5a-6f0b1c2d3e4f",
    "date": "2026-01-31",
    "date-time": "2026-01-31T18:30:00Z",
    "binary": "",
}
"""Well-known formats, for which Swagger UI also generates examples."""
FORMATS = FormatChecker()


class NoExample(Exception):
    """A field has no example, and none can be composed."""


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(re.match(r"[a-z][a-z0-9+.-]*://[^\s/]+", value))


def find_examples(content: Document, document: Document) -> list[Any]:
    """Return the examples of a request or response body, or the one that its fields compose.

    Raises NoExample with the path of the first field that has none.
    """
    if "example" in content:
        return [content["example"]]
    if "examples" in content:
        return [example["value"] for example in content["examples"].values()]
    return [compose_example(content["schema"], document)]


def compose_example(schema: Schema, document: Document, path: str = "#") -> Any:
    """Return the example of a schema, composed of those of its fields. Raises NoExample."""
    schema = _resolve(schema, document)
    for examples in (schema.get("examples"), schema.get("enum")):
        if examples:
            return examples[0]
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    if fields := schema.get("properties", {}):
        return {name: compose_example(field, document, f"{path}/{name}") for name, field in fields.items()}
    if schema.get("type") == "array":
        return [compose_example(schema["items"], document, f"{path}/0")]
    if schema.get("type") == "boolean":
        return True
    if schema.get("format") in COMPOSED_FORMATS:
        return COMPOSED_FORMATS[schema["format"]]
    raise NoExample(path)


def _resolve(schema: Schema, document: Document) -> Schema:
    """Resolve references and, for a nullable field, return the schema of its value."""
    if "$ref" in schema and "examples" not in schema:
        return _resolve(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema and "examples" not in schema:
        return _resolve(next(option for option in schema["anyOf"] if option.get("type") != "null"), document)
    return schema


def find_errors(example: Any, schema: Schema, document: Document) -> list[str]:
    """Return the errors of an example, validated against its schema."""
    with_components = {**schema, "components": document["components"]}
    validator = Draft202012Validator(with_components, format_checker=FORMATS)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(example)]
