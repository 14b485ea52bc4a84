"""Merging the services' documents into one."""

import json
from typing import Any

import pytest

from gateway.openapi import merge

USER = {"type": "object", "properties": {"id": {"type": "string"}}}


def _document(service: str, paths: dict[str, Any], **components: Any) -> dict[str, Any]:
    title = {"title": f"Parley {service}", "version": "1"}
    return {"openapi": "3.1.0", "info": title, "paths": paths, "components": components}


def _get(answer: str, *, tag: str = "any") -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{answer}"}
    return {
        "get": {"tags": [tag], "responses": {"200": {"content": {"application/json": {"schema": schema}}}}}
    }


def _answer(document: dict[str, Any], path: str) -> str:
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return str(schema["$ref"])


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    """What the services described."""
    return {name: what for name, what in document["components"]["schemas"].items() if name != "Problem"}


def test_paths_components_and_tags_of_all_are_there_in_order() -> None:
    auth = _document("auth", {"/b": _get("User", tag="Auth")}, schemas={"User": USER})
    game = _document("game", {"/a": _get("Level", tag="Game")}, schemas={"Level": {"enum": ["A1"]}})
    merged = merge([auth, game])
    assert list(merged["paths"]) == ["/b", "/a"]
    assert merged["tags"] == [{"name": "Auth"}, {"name": "Game"}]
    assert _schemas(merged) == {"User": USER, "Level": {"enum": ["A1"]}}
    assert merged["info"]["title"] == "Parley API"
    assert merged["servers"] == [{"url": "/"}]


def test_internal_routes_are_left_out() -> None:
    merged = merge(
        [_document("auth", {path: _get("User") for path in ("/health", "/ready", "/metrics", "/a")})]
    )
    assert list(merged["paths"]) == ["/a"]


def test_what_is_described_alike_is_kept_once() -> None:
    scheme = {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    documents = [
        _document(name, {f"/{name}": _get("User")}, schemas={"User": USER}, securitySchemes=scheme)
        for name in ("auth", "game")
    ]
    merged = merge(documents)
    assert _schemas(merged) == {"User": USER}
    assert merged["components"]["securitySchemes"] == scheme
    assert _answer(merged, "/auth") == _answer(merged, "/game") == "#/components/schemas/User"


def test_what_differs_gets_the_name_of_its_service() -> None:
    auth = _document("auth", {"/auth": _get("User")}, schemas={"User": USER})
    game = _document("game", {"/game": _get("User")}, schemas={"User": {"type": "string"}})
    merged = merge([auth, game])
    assert _schemas(merged) == {"AuthUser": USER, "GameUser": {"type": "string"}}
    assert _answer(merged, "/auth") == "#/components/schemas/AuthUser"
    assert _answer(merged, "/game") == "#/components/schemas/GameUser"


def test_what_refers_to_something_that_differs_differs_too() -> None:
    page = {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    book = {"type": "array", "items": {"$ref": "#/components/schemas/Page"}}
    documents = [
        _document(
            name, {f"/{name}": _get("Book")}, schemas={"Item": {"type": kind}, "Page": page, "Book": book}
        )
        for name, kind in (("auth", "string"), ("game", "number"))
    ]
    schemas = _schemas(merge(documents))
    assert schemas["AuthBook"]["items"]["$ref"] == "#/components/schemas/AuthPage"
    assert schemas["GamePage"]["items"]["$ref"] == "#/components/schemas/GameItem"
    assert len(schemas) == 6


def test_a_renamed_recursive_schema_refers_to_itself() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    documents = [
        _document("auth", {}, schemas={"Node": node}),
        _document("game", {}, schemas={"Node": {**node, "title": "another"}}),
    ]
    schemas = _schemas(merge(documents))
    assert schemas["GameNode"]["properties"]["next"]["$ref"] == "#/components/schemas/GameNode"


def test_the_documents_stay_as_they_were() -> None:
    documents = [
        _document("auth", {"/a": _get("User")}, schemas={"User": USER}),
        _document("game", {"/b": _get("User")}, schemas={"User": {"type": "string"}}),
    ]
    before = json.dumps(documents)
    merge(documents)
    assert json.dumps(documents) == before


def test_one_path_may_be_shared_but_not_one_operation() -> None:
    read, written = {"get": {"tags": ["a"]}}, {"post": {"tags": ["b"]}}
    merged = merge([_document("auth", {"/a": read}), _document("game", {"/a": written})])
    assert merged["paths"]["/a"].keys() == {"get", "post"}
    with pytest.raises(ValueError, match="/a is answered by two services: get"):
        merge([_document("auth", {"/a": read}), _document("game", {"/a": read})])


def test_security_schemes_must_agree() -> None:
    documents = [
        _document("auth", {}, securitySchemes={"bearer": {"type": "http"}}),
        _document("game", {}, securitySchemes={"bearer": {"type": "oauth2"}}),
    ]
    with pytest.raises(ValueError, match="security schemes differ"):
        merge(documents)


def test_errors_are_described_as_the_problems_they_are() -> None:
    invalid = {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}
    }
    own = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}}
    responses = {"200": {"description": "Done"}, "404": {"description": "None"}, "409": own, "422": invalid}
    schemas = {"HTTPValidationError": {"type": "object"}, "ValidationError": {"type": "object"}}
    merged = merge([_document("game", {"/a": {"get": {"responses": responses}}}, schemas=schemas)])
    told = merged["paths"]["/a"]["get"]["responses"]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert [told[status]["content"] for status in ("404", "422", "default")] == [problem] * 3
    assert told["409"] == own
    assert "content" not in told["200"]
    assert list(merged["components"]["schemas"]) == ["Problem"]
