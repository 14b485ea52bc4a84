"""The API document: the public routes of all services in one. `python -m gateway.openapi` writes it."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from shared.http.problems import RETRY_AFTER

from deploy.services import SERVICES, Service

type Document = dict[str, Any]

HERE = Path(__file__).parent
DOCUMENT_PATH = HERE / "static" / "openapi.json"
GROUPS = {
    "Auth": "Register, sign in and out, stay signed in, recover a password.",
    "Profile": "Your own account: name, password, e-mail address, linked sign-ins, export and deletion.",
    "Content": "The sentences to repeat: tags, random draws, single speeches and their recordings.",
    "Scoring": "Score the pronunciation of a sentence in a recording.",
    "Game": "Save finished games, list past games, and see progress.",
    "Import": "For editors: upload recordings and a table, and turn them into speeches, all or nothing.",
    "Admin": "For editors and admins: speeches, tags, users, the audit log and statistics.",
}
"""The tags of the services' routes, in the order of a learner's journey."""
PROBLEM = {
    "title": "Problem",
    "description": "An error as in RFC 9457. Decide by `code`; `errors` names the invalid fields, if any.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/not_found"]},
        "title": {"type": "string", "examples": ["Not found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "examples": ["There is no resource at this address."]},
        "code": {"type": "string", "examples": ["not_found"]},
        "request_id": {"type": "string", "examples": ["0197f3c2a1b87c4e9d5a6f0b1c2d3e4f"]},
        "errors": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldError"},
        },
    },
}
FIELD_ERROR = {
    "title": "FieldError",
    "description": "An invalid field. `pointer` is its JSON pointer (RFC 6901), as a URI fragment.",
    "type": "object",
    "required": ["pointer", "message"],
    "properties": {
        "pointer": {"type": "string", "examples": ["#/level"]},
        "message": {"type": "string", "examples": ["Field required"]},
    },
}
PROBLEM_TYPE = "application/problem+json"
COMMON_RESPONSES = {
    "429": "`too_many_requests`: A rate limit is exceeded; wait for `Retry-After` seconds.",
    "503": "`unavailable`: A dependency is down. The same request may succeed later.",
}
UNAUTHORIZED = "`unauthorized`: The access token is missing, invalid or expired."
VALIDATION_FAILED = (
    "`validation_failed`: A value in the request is not acceptable; `errors` names the fields."
)
OVERLOADED = "`overloaded`: The service is overloaded; try again after `Retry-After`."
UNKNOWN_FIELD = (
    "`unknown_field`: The request has a field or a query parameter that this operation does not know; "
    "`errors` names the closest known name."
)
FRAMEWORK_SCHEMAS = ("HTTPValidationError", "ValidationError")
"""FastAPI's schemas of errors, which our services replace with problem documents."""


def describe_routes(*services: Service) -> Document:
    """Return the document that FastAPI generates for the public routes of these services."""
    app = FastAPI(
        title="Parley API",
        version="1.0.0",
        description=(HERE / "introduction.md").read_text(),
        servers=[{"url": "/"}],
        openapi_tags=[{"name": name, "description": text} for name, text in GROUPS.items()],
        generate_unique_id_function=lambda route: route.name,
    )
    for service in services:
        for router in import_module(f"{service.name}.api").routers:
            app.include_router(router)
    return app.openapi()


def create_document() -> Document:
    """Return the document of the current code."""
    document = describe_routes(*SERVICES)
    schemas = document["components"]["schemas"]
    for name in FRAMEWORK_SCHEMAS:
        schemas.pop(name, None)
    for operation in iterate_operations(document):
        _complete_operation(operation)
    _adapt_to_generators(document)
    schemas |= {"Problem": PROBLEM, "FieldError": FIELD_ERROR}
    return document


def iterate_operations(document: Document) -> Iterator[Document]:
    """Yield the operations of all paths."""
    for item in document["paths"].values():
        yield from item.values()


def render_document() -> str:
    """Return the document's text, as it is committed."""
    return json.dumps(create_document(), indent=1, ensure_ascii=False) + "\n"


def _complete_operation(operation: Document) -> None:
    name = operation["operationId"].replace("_", " ")
    if operation["summary"] == name.title():
        operation["summary"] = name.capitalize()
    responses = operation["responses"]
    if operation.get("security"):
        responses.setdefault("401", {"description": UNAUTHORIZED})
    for status, description in COMMON_RESPONSES.items():
        responses.setdefault(status, {"description": description}).setdefault("headers", RETRY_AFTER)
    responses["503"]["description"] += f"\n\n{OVERLOADED}"
    responses.setdefault("default", {"description": "Any other error."})
    invalid = responses.setdefault("422", {"description": ""})
    if invalid["description"] == "Validation Error":
        invalid["description"] = VALIDATION_FAILED
    invalid["description"] = "\n\n".join(filter(None, (invalid["description"], UNKNOWN_FIELD)))
    for status, response in responses.items():
        if status == "default" or status >= "400":
            described = response.get("content", {}).get(PROBLEM_TYPE, {})
            schema = {"$ref": "#/components/schemas/Problem"}
            response["content"] = {PROBLEM_TYPE: {"schema": schema, **described}}
    operation["responses"] = dict(sorted(responses.items()))


def _adapt_to_generators(document: Document) -> None:
    """Mark fields that clients may omit, and fields that responses always have, for client generators.

    Several generators require request fields that have a `default`, so the default is moved to the
    description. Responses have every field, even those with a default.
    """
    schemas = document["components"]["schemas"]
    request_schemas = _find_references(
        [operation.get("requestBody") for operation in iterate_operations(document)], schemas
    )
    response_schemas = _find_references(
        [operation["responses"] for operation in iterate_operations(document)], schemas
    )
    for name in request_schemas:
        for field in schemas[name].get("properties", {}).values():
            if (default := field.pop("default", None)) is not None:
                default_text = f"Default: `{json.dumps(default)}`."
                field["description"] = " ".join(filter(None, (field.get("description"), default_text)))
    for name in response_schemas - request_schemas:
        schemas[name]["required"] = list(schemas[name].get("properties", ()))


def _find_references(node: Any, schemas: Document, names: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the names of all schemas to which a part of the document refers, directly or indirectly."""
    if isinstance(node, list):
        for part in node:
            names = _find_references(part, schemas, names)
    elif isinstance(node, dict):
        name = str(node.get("$ref", "")).rpartition("/")[2]
        if name in schemas and name not in names:
            names = _find_references(schemas[name], schemas, names | {name})
        names = _find_references(list(node.values()), schemas, names)
    return names


if __name__ == "__main__":
    DOCUMENT_PATH.write_text(render_document())
