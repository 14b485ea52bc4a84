"""The operations of the API document, and requests generated from their schemas."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from gateway.openapi import DOCUMENT_PATH

type Schema = dict[str, Any]
type Field = tuple[str | int, ...]
"""Path of a field in a body; 0 stands for any position in a list."""

DOCUMENT: dict[str, Any] = json.loads(DOCUMENT_PATH.read_text())
BY_FORMAT = {"password": "Correct4Horse", "uri": "https://example.com/picture.png"}


@dataclass(frozen=True)
class Operation:
    """A method of a path, and its description in the document."""

    method: str
    path: str
    described: Schema

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def private(self) -> bool:
        """True if it needs a token."""
        return bool(self.described.get("security"))

    @property
    def address(self) -> str:
        """Return the path with example values for its parameters."""
        filled = self.path
        for parameter in self.described.get("parameters", []):
            if parameter["in"] == "path":
                filled = filled.replace(f"{{{parameter['name']}}}", str(build_example(parameter["schema"])))
        return filled

    @property
    def body(self) -> Schema | None:
        """Return the schema of the JSON body, if there is one."""
        content = self.described.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if "application/json" in content else None


OPERATIONS = [
    Operation(method.upper(), path, described)
    for path, item in DOCUMENT["paths"].items()
    for method, described in item.items()
]


def _resolve(schema: Schema) -> Schema:
    """Resolve references and drop null from a schema."""
    if "$ref" in schema:
        return _resolve(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return _resolve(next(option for option in schema["anyOf"] if option.get("type") != "null"))
    return schema


def build_example(schema: Schema) -> Any:
    """Generate a value that the schema allows, with every property of an object."""
    schema = _resolve(schema)
    if "enum" in schema or "const" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    match schema.get("type"):
        case "object":
            return {
                name: build_example(property_schema)
                for name, property_schema in schema.get("properties", {}).items()
            }
        case "array":
            return [build_example(schema["items"])]
        case "integer" | "number":
            return int(schema.get("minimum", 1))
        case "boolean":
            return True
    return _build_text(schema.get("format", ""))


def _build_text(form: str) -> str:
    match form:
        case "uuid":
            return str(uuid4())
        case "date-time":
            return datetime.now(UTC).isoformat()
        case "email":
            return f"{uuid4().hex}@example.com"
    return BY_FORMAT.get(form, "x")


def iterate_fields(schema: Schema, field: Field = ()) -> Iterator[Field]:
    """Yield every field of a body, including nested ones."""
    schema = _resolve(schema)
    for name, property_schema in schema.get("properties", {}).items():
        yield (*field, name)
        yield from iterate_fields(property_schema, (*field, name))
    if schema.get("type") == "array":
        yield (*field, 0)
        yield from iterate_fields(schema["items"], (*field, 0))


def find_field_type(schema: Schema, field: Field) -> str | None:
    """Return the type of a field of a body."""
    schema = _resolve(schema)
    if not field:
        return schema.get("type")
    inner = schema["items"] if field[0] == 0 else schema["properties"][field[0]]
    return find_field_type(inner, field[1:])


def find_objects(schema: Schema) -> Iterator[Schema]:
    """Yield the schemas of all objects in a body."""
    schema = _resolve(schema)
    if "properties" in schema:
        yield schema
    for inner in (*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])):
        yield from find_objects(inner)


def find_texts(schema: Schema) -> Iterator[Schema]:
    """Yield the schemas of all texts in a body."""
    schema = _resolve(schema)
    if schema.get("type") == "string":
        yield schema
    for inner in (*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])):
        yield from find_texts(inner)


def replace(body: Any, field: Field, value: Any) -> Any:
    """Copy a body with a different value in a field."""
    *parents, last = field
    changed = inner = deepcopy(body)
    for step in parents:
        inner = inner[step]
    inner[last] = value
    return changed


def build_pointer(field: Field) -> str:
    """Build the pointer with which errors name the field."""
    return "#" + "".join(f"/{step}" for step in field)
