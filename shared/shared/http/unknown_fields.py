"""Finds unknown names in a request, and suggests the closest known name."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

UNKNOWN = "extra_forbidden"
"""The type of pydantic's error for an unknown field."""
MAX_COMPARED_CHARACTERS = 100
MAX_LISTED = 20


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise RequestValidationError for query parameters that the operation does not have."""
    if not request.scope["query_string"] or (operation := _find_operation(request)) is None:
        return
    known_names = _list_parameters(operation)
    unknown = [name for name in request.query_params if name not in known_names]
    if unknown:
        raise RequestValidationError([{"type": UNKNOWN, "loc": ("query", name)} for name in unknown])


def describe_unknown(request: Request, location: tuple[int | str, ...]) -> str:
    """Return the message about an unknown name: the closest known name, or all known names."""
    *parents, name = location
    known_names = _list_known(request, parents)
    if nearest := get_close_matches(str(name)[:MAX_COMPARED_CHARACTERS], known_names, n=1):
        return f"is unknown; the closest known name is {nearest[0]}"
    if known_names:
        return f"is unknown; known names are {', '.join(sorted(known_names)[:MAX_LISTED])}"
    return "is unknown; no names are known here"


def _list_known(request: Request, parents: Sequence[int | str]) -> set[str]:
    operation = _find_operation(request) or {}
    if parents[0] == "query":
        return _list_parameters(operation)
    contents = operation.get("requestBody", {}).get("content", {}).values()
    schemas = request.app.openapi().get("components", {}).get("schemas", {})
    return _merge_names(_list_fields(content["schema"], parents[1:], schemas) for content in contents)


def _find_operation(request: Request) -> dict[str, Any] | None:
    """Return the operation in the API document, or None for an internal one."""
    path = getattr(request.scope.get("route"), "path", "")
    operation: dict[str, Any] | None = (
        request.app.openapi()["paths"].get(path, {}).get(request.method.lower())
    )
    return operation


def _list_parameters(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}


def _list_fields(schema: dict[str, Any], path: Sequence[int | str], schemas: dict[str, Any]) -> set[str]:
    """Return the fields of the object at this path in a JSON schema."""
    if "$ref" in schema:
        return _list_fields(schemas[schema["$ref"].rpartition("/")[2]], path, schemas)
    if "anyOf" in schema:
        return _merge_names(_list_fields(branch, path, schemas) for branch in schema["anyOf"])
    fields: dict[str, Any] = schema.get("properties", {})
    if not path:
        return set(fields)
    inner = schema.get("items") if isinstance(path[0], int) else fields.get(path[0])
    return _list_fields(inner, path[1:], schemas) if inner else set()


def _merge_names(names: Iterable[set[str]]) -> set[str]:
    return set().union(*names)
