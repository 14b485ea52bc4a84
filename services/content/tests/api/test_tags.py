import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.app import create_app
from content.commands.cache import InvalidateCache
from content.commands.speeches import apply_speech_change
from content.commands.tags import PropagateTagName, create_tag, create_tags
from content.domain.speeches import SpeechChange
from content.schemas.tags import TagCreate
from content.settings import ApiSettings
from shared.data.db import Database
from shared.testing import OutboxJobs, TokenFor, api_client

type Add = Callable[..., Awaitable[UUID]]

TAGS = "/api/v1/admin/tags"
UNKNOWN_ID = "01900000-0000-7000-8000-000000000000"


async def commit_tag(database: Database, name: str = "food") -> UUID:
    async with database.transaction() as session:
        return (await create_tag(session, TagCreate(name=name, category="topic"), actor=None)).id


async def test_a_tag_is_created_updated_and_deleted(
    editor: httpx.AsyncClient, committed_database: Database, outbox_jobs: OutboxJobs
) -> None:
    added = await editor.post(TAGS, json={"name": " Food ", "category": "topic"})
    tag = added.json()
    assert added.status_code == 201
    assert added.headers["location"] == f"{TAGS}/{tag['id']}"
    assert (tag["name"], tag["category"], tag["speech_count"]) == ("Food", "topic", 0)
    changed = await editor.put(f"{TAGS}/{tag['id']}", json={"category": "theme"})
    assert changed.json() == {**tag, "category": "theme"}
    assert (await editor.get(f"{TAGS}/{tag['id']}")).json() == changed.json()
    assert (await editor.get(TAGS)).json() == {"tags": [changed.json()]}
    assert (await editor.delete(f"{TAGS}/{tag['id']}")).status_code == 204
    assert (await editor.get(TAGS)).json() == {"tags": []}
    async with committed_database.transaction() as session:
        assert [job.keys for job in await outbox_jobs(session, InvalidateCache)] == [["tags"]] * 3
        assert await outbox_jobs(session, PropagateTagName) == []


async def test_tags_are_listed_with_their_number_of_speeches(
    editor: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        await add(session, tags=("food", "work"))
        await add(session, tags=("food",))
        await create_tags(session, {"travel": "topic"}, actor=None)
    counts = {tag["name"]: tag["speech_count"] for tag in (await editor.get(TAGS)).json()["tags"]}
    assert counts == {"food": 2, "travel": 0, "work": 1}


@pytest.mark.parametrize(
    ("existing_name", "same"),
    [
        ("food", " FOOD\u00a0"),
        ("Ärger", "a\u0308rger"),
        ("Straße", "STRASSE"),
        ("ΣΟΦΟΣ", "σοφος"),
        ("İstanbul", "i̇stanbul"),
        ("\ufb01sh", "FISH"),
    ],
)
async def test_tag_names_that_differ_only_in_case_conflict(
    editor: httpx.AsyncClient, existing_name: str, same: str
) -> None:
    assert (await editor.post(TAGS, json={"name": existing_name, "category": "x"})).status_code == 201
    again = await editor.post(TAGS, json={"name": same, "category": "y"})
    assert (again.status_code, again.json()["code"]) == (409, "tag_exists")


async def test_a_dotted_capital_i_differs_from_i(editor: httpx.AsyncClient) -> None:
    names = ["İzmir", "izmir", "\u0131zmir"]
    responses = [await editor.post(TAGS, json={"name": name, "category": "x"}) for name in names]
    assert [response.status_code for response in responses] == [201] * 3


async def test_a_tag_can_change_the_case_of_its_name(
    editor: httpx.AsyncClient, committed_database: Database
) -> None:
    food_id, work_id = (
        await commit_tag(committed_database, "food"),
        await commit_tag(committed_database, "work"),
    )
    assert (await editor.put(f"{TAGS}/{food_id}", json={"name": "Food"})).json()["name"] == "Food"
    conflict = await editor.put(f"{TAGS}/{work_id}", json={"name": "FOOD"})
    assert (conflict.status_code, conflict.json()["code"]) == (409, "tag_exists")
    assert (await editor.get(f"{TAGS}/{work_id}")).json()["name"] == "work"


async def test_concurrent_requests_create_a_tag_once(editor: httpx.AsyncClient) -> None:
    tag = {"name": "food", "category": "topic"}
    responses = await asyncio.gather(*(editor.post(TAGS, json=tag) for _ in range(8)))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": " \t "}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"name": "a\x00"}, "#/name"),
        ({"name": "\ud800"}, "#/name"),
        ({"name": None}, "#/name"),
        ({"name": ["food"]}, "#/name"),
        ({"category": None}, "#/category"),
        ({"category": ""}, "#/category"),
        ({"category": 7}, "#/category"),
    ],
)
async def test_an_invalid_tag_is_refused(
    editor: httpx.AsyncClient, committed_database: Database, fields: dict[str, Any], pointer: str
) -> None:
    tag_id = await commit_tag(committed_database)
    body = json.dumps({"name": "n", "category": "c"} | fields)
    headers = {"Content-Type": "application/json"}
    for method, path in (("POST", TAGS), ("PUT", f"{TAGS}/{tag_id}")):
        response = await editor.request(method, path, content=body, headers=headers)
        assert response.status_code == 422, response.text
        assert pointer in [error["pointer"] for error in response.json()["errors"]]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_missing_tag_is_not_found(editor: httpx.AsyncClient, method: str) -> None:
    body = {"json": {"name": "x"}} if method == "PUT" else {}
    response = await editor.request(method, f"{TAGS}/{UNKNOWN_ID}", **body)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["code"]) == (404, "tag_not_found")
    assert (await editor.request(method, f"{TAGS}/x", **body)).status_code == 422  # type: ignore[arg-type]


async def test_a_tag_in_use_is_not_deleted(
    editor: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    async with committed_database.transaction() as session:
        speech_id = await add(session, tags=("food",))
    [tag] = (await editor.get(TAGS)).json()["tags"]
    response = await editor.delete(f"{TAGS}/{tag['id']}")
    assert (response.status_code, response.json()["code"]) == (409, "tag_in_use")
    async with committed_database.transaction() as session:
        await apply_speech_change(session, speech_id, SpeechChange(tag_ids=frozenset()), actor=None)
    assert (await editor.delete(f"{TAGS}/{tag['id']}")).status_code == 204


async def test_tags_are_public(client: httpx.AsyncClient, speech_id: UUID) -> None:
    del client.headers["Authorization"]
    response, same = await client.get("/api/v1/tags"), await client.get("/api/v1/game/tags")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert [(tag["name"], tag["category"]) for tag in response.json()["tags"]] == [
        ("food", "topic"),
        ("travel", "topic"),
    ]
    assert set(response.json()["tags"][0]) == {"id", "name", "category"}
    assert same.content == response.content


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', "*"])
async def test_unchanged_tags_return_304(client: httpx.AsyncClient, sent: str) -> None:
    etag = (await client.get("/api/v1/tags")).headers["etag"]
    response = await client.get("/api/v1/tags", headers={"If-None-Match": sent.format(etag)})
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
    assert response.headers["cache-control"] == "public, no-cache"


async def test_changed_tags_have_another_etag(client: httpx.AsyncClient, editor: httpx.AsyncClient) -> None:
    before = (await client.get("/api/v1/tags")).headers["etag"]
    await editor.post("/api/v1/admin/tags", json={"name": "work", "category": "topic"})
    response = await client.get("/api/v1/tags", headers={"If-None-Match": before})
    assert response.status_code == 200
    assert response.headers["etag"] != before


async def test_reading_is_rate_limited(
    settings: ApiSettings, committed_database: Database, token_for: TokenFor
) -> None:
    limits = {"tags": 1, "speeches": 1}
    app = create_app(settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": limits}))
    async with api_client(app, token=token_for(uuid4())) as client:
        # Both paths share one limit.
        tags = [await client.get(path) for path in ("/api/v1/tags", "/api/v1/game/tags")]
        speeches = [await client.get(f"/api/v1/speeches/{uuid4()}") for _ in range(2)]
    assert [response.status_code for response in (*tags, *speeches)] == [200, 429, 404, 429]
    assert tags[0].headers["ratelimit-policy"] == '"tags";q=1;w=60'
    assert speeches[0].headers["ratelimit-policy"] == '"speeches";q=1;w=60'
