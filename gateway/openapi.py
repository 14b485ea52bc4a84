"""One OpenAPI document for the whole API, made of those of the services: `python -m gateway.openapi`."""

import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared.security.jwt import SigningKeys, new_signing_key

type Document = dict[str, Any]

WRITTEN = Path(__file__).parent / "static" / "openapi.json"
SERVICES = ("auth", "content", "scoring", "game")
INTERNAL = {"/health", "/ready", "/metrics"}
NOWHERE = {
    "environment": "test",
    "database_url": "postgresql+asyncpg://127.0.0.1/nowhere",
    "rabbitmq_url": "amqp://127.0.0.1",
    "s3_access_key": "nobody",
    "s3_secret_key": "opens-nothing",
}
INFO = {
    "title": "Parley API",
    "version": "1.0.0",
    "description": "Hear a sentence, repeat it, see how well it went. Errors are RFC 9457 problem documents.",
}
PROBLEM = {
    "title": "Problem",
    "description": "An error as in RFC 9457. Go by `code`; `errors` is there when fields are at fault.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/not_found"]},
        "title": {"type": "string", "examples": ["Not found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "examples": ["There is nothing at this address."]},
        "code": {"type": "string", "examples": ["not_found"]},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
ANYWHERE = {
    "429": "`too_many_requests`: a limit is used up; `RateLimit` and `RateLimit-Policy` say which.",
    "503": "Something that this needs is down; the same may succeed in a moment.",
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
# How FastAPI describes errors that our services answer as problems.
NOT_OURS = {"HTTPValidationError", "ValidationError"}


def merge(documents: Sequence[Document]) -> Document:
    """One document with the public paths, components and tags of all.

    A component that several services describe alike is kept once; where they differ, each gets the name of
    its service in front (User becomes AuthUser and GameUser). Raises ValueError when two services answer the
    same operation, or name different security schemes alike.
    """
    clashing = _clashing([_components(document) for document in documents])
    paths: dict[str, Document] = {}
    components: dict[str, Document] = {"schemas": {}}
    for document in (_renamed(document, clashing) for document in documents):
        for path, operations in document["paths"].items():
            if path not in INTERNAL:
                _add(paths.setdefault(path, {}), operations, path)
        for section, definitions in document.get("components", {}).items():
            components.setdefault(section, {}).update(definitions)
    for operation in _operations(paths):
        _tell_of_problems(operation)
    schemas = {name: what for name, what in components["schemas"].items() if name not in NOT_OURS}
    return {
        "openapi": documents[0]["openapi"],
        "info": INFO,
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(_tags(paths))],
        "paths": paths,
        "components": components | {"schemas": schemas | {"Problem": PROBLEM}},
    }


def _components(document: Document) -> Document:
    sections = document.get("components", {}).items()
    return {
        f"#/components/{section}/{name}": what for section, named in sections for name, what in named.items()
    }


def _clashing(described: Sequence[Document]) -> set[str]:
    """References that mean different things in different documents."""
    clashing: set[str] = set()
    for reference in set(chain.from_iterable(described)):
        meanings = [components[reference] for components in described if reference in components]
        if any(meaning != meanings[0] for meaning in meanings):
            clashing.add(reference)
    # What refers to a clashing component differs as well, once that one is renamed.
    repeated = [
        (ref, what) for one in described for ref, what in one.items() if sum(ref in d for d in described) > 1
    ]
    while more := {ref for ref, what in repeated if clashing.intersection(_strings(what))} - clashing:
        clashing |= more
    if schemes := [reference for reference in clashing if "/securitySchemes/" in reference]:
        raise ValueError(f"security schemes differ between services: {schemes}")
    return clashing


def _renamed(document: Document, clashing: set[str]) -> Document:
    prefix = document["info"]["title"].split()[-1].capitalize()
    names = {reference: _prefixed(reference, prefix) for reference in clashing}
    replaced: Document = _replace(document, names)
    for section, definitions in replaced.get("components", {}).items():
        replaced["components"][section] = {
            names.get(f"#/components/{section}/{name}", name).rpartition("/")[2]: what
            for name, what in definitions.items()
        }
    return replaced


def _prefixed(reference: str, prefix: str) -> str:
    section, _, name = reference.rpartition("/")
    return f"{section}/{prefix}{name}"


def _replace(node: Any, names: dict[str, str]) -> Any:
    match node:
        case dict():
            return {key: _replace(value, names) for key, value in node.items()}
        case list():
            return [_replace(value, names) for value in node]
        case str():
            return names.get(node, node)
    return node


def _strings(node: Any) -> Iterator[str]:
    match node:
        case dict():
            yield from chain.from_iterable(map(_strings, node.values()))
        case list():
            yield from chain.from_iterable(map(_strings, node))
        case str():
            yield node


def _add(present: Document, operations: Document, path: str) -> None:
    if twice := present.keys() & operations.keys():
        raise ValueError(f"{path} is answered by two services: {', '.join(sorted(twice))}")
    present.update(operations)


def _operations(paths: dict[str, Document]) -> Iterator[Document]:
    return chain.from_iterable(operations.values() for operations in paths.values())


def _tags(paths: dict[str, Document]) -> Iterator[str]:
    return chain.from_iterable(operation.get("tags", []) for operation in _operations(paths))


def _tell_of_problems(operation: Document) -> None:
    responses = operation.setdefault("responses", {})
    if operation.get("security"):
        responses.setdefault("401", {"description": "`unauthorized`: no access token, or no good one."})
    for status, description in ANYWHERE.items():
        responses.setdefault(status, {"description": description, "headers": RETRY_AFTER})
    responses.setdefault("default", {"description": "Any other error."})
    for status, response in responses.items():
        described = response.get("content", {}).keys() & PROBLEM_CONTENT.keys()
        if (status == "default" or status >= "400") and not described:
            response["content"] = PROBLEM_CONTENT


def describe(service: str, settings: dict[str, str]) -> Document:
    """What a service says of itself; its app is made for that, but nothing is started or connected to."""
    app, module = import_module(f"{service}.app"), import_module(f"{service}.settings")
    kind = getattr(module, f"{service.capitalize()}Settings")
    document: Document = app.create_app(kind(**settings)).openapi()
    return document


def current() -> str:
    """The document as it has to be written, from the code as it is."""
    keys = {"keys": [new_signing_key()]}
    with TemporaryDirectory() as folder:
        private, public = Path(folder, "private.json"), Path(folder, "public.json")
        private.write_text(json.dumps(keys))
        public.write_text(json.dumps(SigningKeys(keys).public))
        settings = NOWHERE | {
            "signing_keys_file": str(private),
            "receipt_signing_keys_file": str(private),
            "receipt_jwks_file": str(public),
        }
        documents = [describe(service, settings) for service in SERVICES]
    return json.dumps(merge(documents), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    WRITTEN.write_text(current())
